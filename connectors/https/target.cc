#include "connectors/https/target.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "base/text.h"
#include "connectors/destination_gate.h"

namespace mailhaul::https {
namespace {

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

Status Unusable(const std::string& url, std::string_view reason) {
  constexpr size_t kShownBytesMax = 200;
  // What stands before an "@" may be a password.
  const std::string shown = url.find('@') == std::string::npos
                                ? "\"" + EscapeForLog(url, kShownBytesMax) + "\""
                                : "with \"@\"";
  return {Code::kInvalidArgument, "the URL " + shown + " cannot be used: " + std::string(reason)};
}

// "" when the part is absent.
std::string Part(CURLU* url, CURLUPart part, unsigned int flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) {
    return {};
  }
  const std::string value(text);
  curl_free(text);
  return value;
}

bool IsPlainHost(std::string_view host) {
  return !host.empty() && !host.ends_with('.') && std::all_of(host.begin(), host.end(), [](char c) {
    const char lower = AsciiLower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':';
  });
}

bool IsLoopback(const net::IpAddress& address) {
  const auto& bytes = address.bytes;
  return address.is_v4() ? bytes[12] == 127
                         : bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1,
                                                         [](uint8_t byte) { return byte == 0; });
}

}  // namespace

Result<Target> ParseTarget(const std::string& url) {
  const UrlHandle handle(curl_url(), &curl_url_cleanup);
  // libcurl reads up to the first NUL.
  if (url.size() > kUrlBytesMax || url.find('\0') != std::string::npos || handle == nullptr ||
      curl_url_set(handle.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return Unusable(url, "it is not an absolute URL");
  }
  Target target;
  const std::string scheme = Part(handle.get(), CURLUPART_SCHEME, 0);
  if (scheme != "https" && scheme != "http") {
    return Unusable(url, "only https is spoken");
  }
  target.encrypted = scheme == "https";
  if (!Part(handle.get(), CURLUPART_USER, 0).empty() ||
      !Part(handle.get(), CURLUPART_PASSWORD, 0).empty()) {
    return Unusable(url, "it holds a user name or password");
  }
  target.host = Part(handle.get(), CURLUPART_HOST, 0);
  if (target.host.starts_with('[') && target.host.ends_with(']')) {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  if (!IsPlainHost(target.host) || !Part(handle.get(), CURLUPART_ZONEID, 0).empty()) {
    return Unusable(
        url,
        "its host is neither an address nor a name in plain ASCII; write names in their xn-- form");
  }
  const std::string port = Part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), target.port);
  if (error != std::errc() || end != port.data() + port.size() || target.port == 0) {
    return Unusable(url, "its port is not a number from 1 to 65535");
  }
  target.url = Part(handle.get(), CURLUPART_URL, 0);
  return target;
}

Status CheckDestination(const Target& target, const std::vector<net::IpAddress>& addresses,
                        bool allow_private) {
  if (!target.encrypted) {
    const bool loopback =
        allow_private && std::all_of(addresses.begin(), addresses.end(), IsLoopback);
    return loopback ? Status::Ok()
                    : Status(Code::kInvalidArgument,
                             "http:// is spoken to loopback only, and only with "
                             "network.allow_private: true; use https:// for " +
                                 EscapeForLog(target.host));
  }
  return allow_private ? Status::Ok() : RefusePrivate(target.host, addresses);
}

}  // namespace mailhaul::https
