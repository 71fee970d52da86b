#include "connectors/net/host_name.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "base/text.h"
#include "connectors/net/network.h"

namespace mailhaul::net {
namespace {

constexpr size_t kLabelBytesMax = 63;
constexpr size_t kUnicodeBytesMax = 4 * kHostBytesMax;  // Not worth converting beyond.
constexpr size_t kHostBytesShownMax = 80;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsNameByte(char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '_'; }

bool IsNumber(std::string_view label) {
  if (label.substr(0, 2) == "0x") {
    label.remove_prefix(2);
    return std::all_of(label.begin(), label.end(),
                       [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
  }
  return std::all_of(label.begin(), label.end(), &IsDigit);
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

struct IdnFreer {
  void operator()(char* text) const { idn2_free(text); }
};

Status NoHostName(std::string_view host, const std::string& why) {
  return {Code::kInvalidArgument,
          "\"" + EscapeForLog(host, kHostBytesShownMax) + "\" is not a host name" + why};
}

Result<std::string> ToAscii(std::string_view host) {
  if (host.size() > kUnicodeBytesMax || host.find('\0') != std::string_view::npos) {
    return NoHostName(host, "");
  }
  const std::string text(host);
  char* made = nullptr;
  const int status = idn2_to_ascii_8z(text.c_str(), &made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, IdnFreer> owned(made);
  if (status != IDN2_OK) {
    return NoHostName(host, std::string(": ") + idn2_strerror(status));
  }
  return std::string(made);
}

}  // namespace

bool IsCanonicalName(std::string_view name) {
  if (name.empty() || name.size() > kHostBytesMax) {
    return false;
  }
  while (true) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > kLabelBytesMax ||
        !std::all_of(label.begin(), label.end(), &IsNameByte)) {
      return false;
    }
    if (label.size() == name.size()) {
      return !IsNumber(label);
    }
    name.remove_prefix(label.size() + 1);
  }
}

Result<std::string> CanonicalHost(std::string_view host) {
  std::string name(host);
  if (!IsAscii(host)) {
    // Full-width digits and dots become ASCII here, so the result may well be an address.
    MH_ASSIGN_OR_RETURN(name, ToAscii(host));
  }
  if (!name.empty() && name.back() == '.') {
    name.pop_back();
  }
  const Result<IpAddress> literal = IpAddress::Parse(name);
  if (literal.ok()) {
    return literal->ToString();
  }
  name = AsciiLowered(name);
  if (!IsCanonicalName(name)) {
    return NoHostName(host, "");
  }
  return name;
}

}  // namespace mailhaul::net
