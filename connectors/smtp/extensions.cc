#include "connectors/smtp/extensions.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace mailhaul::smtp {
namespace {

constexpr size_t kMechanismsMax = 32;
constexpr size_t kMechanismBytesMax = 32;

std::string_view TakeWord(std::string_view* text) {
  const size_t begin = std::min(text->find_first_not_of(" \t\r"), text->size());
  text->remove_prefix(begin);
  const std::string_view word = text->substr(0, text->find_first_of(" \t\r"));
  text->remove_prefix(word.size());
  return word;
}

// RFC 4422: upper case letters, digits, "-" and "_". "" when the word is something else.
std::string MechanismName(std::string_view word) {
  std::string name;
  for (const char c : word) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    const bool fits = (upper >= 'A' && upper <= 'Z') || (upper >= '0' && upper <= '9') ||
                      upper == '-' || upper == '_';
    if (!fits || name.size() == kMechanismBytesMax) {
      return {};
    }
    name.push_back(upper);
  }
  return name;
}

void AddMechanisms(std::string_view words, std::vector<std::string>* mechanisms) {
  for (std::string_view word = TakeWord(&words);
       !word.empty() && mechanisms->size() < kMechanismsMax; word = TakeWord(&words)) {
    std::string name = MechanismName(word);
    const bool known = std::find(mechanisms->begin(), mechanisms->end(), name) != mechanisms->end();
    if (!name.empty() && !known) {
      mechanisms->push_back(std::move(name));
    }
  }
}

std::optional<uint64_t> ParseSize(std::string_view words) {
  const std::string_view digits = TakeWord(&words);
  if (digits.empty()) {
    return 0;  // "SIZE" alone: no fixed limit.
  }
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return bytes;
}

void AddLine(std::string_view line, Extensions* extensions) {
  constexpr std::string_view kOldAuth = "AUTH=";
  if (StartsWithIgnoreCase(line, kOldAuth)) {
    AddMechanisms(line.substr(kOldAuth.size()), &extensions->auth_mechanisms);
    return;
  }
  const std::string_view keyword = TakeWord(&line);
  if (EqualsIgnoreCase(keyword, "STARTTLS")) {
    extensions->starttls = true;
  } else if (EqualsIgnoreCase(keyword, "PIPELINING")) {
    extensions->pipelining = true;
  } else if (EqualsIgnoreCase(keyword, "CHUNKING")) {
    extensions->chunking = true;
  } else if (EqualsIgnoreCase(keyword, "8BITMIME")) {
    extensions->eight_bit_mime = true;
  } else if (EqualsIgnoreCase(keyword, "SMTPUTF8")) {
    extensions->smtputf8 = true;
  } else if (EqualsIgnoreCase(keyword, "DSN")) {
    extensions->dsn = true;
  } else if (EqualsIgnoreCase(keyword, "ENHANCEDSTATUSCODES")) {
    extensions->enhanced_status_codes = true;
  } else if (EqualsIgnoreCase(keyword, "SIZE")) {
    extensions->size_max = ParseSize(line);
  } else if (EqualsIgnoreCase(keyword, "AUTH")) {
    AddMechanisms(line, &extensions->auth_mechanisms);
  }
}

}  // namespace

Extensions ParseExtensions(const Reply& ehlo) {
  Extensions extensions;
  std::string_view rest = ehlo.text;
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    rest.remove_prefix(end + 1);
    AddLine(rest.substr(0, rest.find('\n')), &extensions);
  }
  return extensions;
}

}  // namespace mailhaul::smtp
