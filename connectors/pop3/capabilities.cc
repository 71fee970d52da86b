#include "connectors/pop3/capabilities.h"

#include <algorithm>
#include <charconv>

#include "connectors/pop3/pop3_session.h"

namespace mailhaul::pop3 {
namespace {

constexpr uint32_t kLoginDelayMaxSeconds = 24 * 60 * 60;

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  return upper;
}

// The words of `line`, upper case.
std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> words;
  while (words.size() < kCapabilitiesMax) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) {
      break;
    }
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    words.push_back(Upper(word));
    line.remove_prefix(word.size());
  }
  return words;
}

std::optional<uint32_t> ToNumber(const std::string& word) {
  uint32_t number = 0;
  const char* const end = word.data() + word.size();
  const auto parsed = std::from_chars(word.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

void Capabilities::AddLine(std::string_view line) {
  const std::vector<std::string> words = Words(line);
  if (words.empty() || names_.size() >= kCapabilitiesMax) {
    return;
  }
  const std::string& name = words.front();
  names_.insert(name);
  if (name == "SASL") {
    sasl_.assign(words.begin() + 1, words.end());
    return;
  }
  const std::optional<uint32_t> number = words.size() > 1 ? ToNumber(words[1]) : std::nullopt;
  if (name == "LOGIN-DELAY") {
    login_delay_ = std::chrono::seconds(std::min(number.value_or(0), kLoginDelayMaxSeconds));
  } else if (name == "EXPIRE") {
    expire_days_ = number;
  } else {
    return;
  }
  depends_on_user_ = depends_on_user_ || words.back() == "USER";
}

}  // namespace mailhaul::pop3
