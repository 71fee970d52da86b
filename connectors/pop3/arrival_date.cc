#include "connectors/pop3/arrival_date.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "base/text.h"

namespace mailhaul::pop3 {
namespace {

constexpr size_t kDateBytesMax = 200;
constexpr size_t kTokensMax = 12;

// `text` without comments, in pieces of letters and digits; signs stay with their digits.
std::vector<std::string> Tokens(std::string_view text) {
  std::vector<std::string> tokens;
  std::string token;
  int depth = 0;
  for (const char c : text.substr(0, kDateBytesMax)) {
    depth += c == '(' ? 1 : 0;
    const bool separates =
        depth > 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ')';
    depth -= c == ')' && depth > 0 ? 1 : 0;
    if (!separates) {
      token.push_back(c);
    } else if (!token.empty()) {
      tokens.push_back(std::move(token));
      token.clear();
    }
  }
  if (!token.empty()) {
    tokens.push_back(std::move(token));
  }
  tokens.resize(std::min(tokens.size(), kTokensMax));
  return tokens;
}

std::optional<int> ToNumber(std::string_view text, size_t digits_max) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (text.empty() || text.size() > digits_max || text.front() == '-' || parsed.ec != std::errc() ||
      parsed.ptr != end) {
    return std::nullopt;
  }
  return number;
}

std::optional<unsigned> ToMonth(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                        "jul", "aug", "sep", "oct", "nov", "dec"};
  const std::string lower = AsciiLowered(text.substr(0, 3));
  const auto it = std::find(kMonths.begin(), kMonths.end(), lower);
  if (it == kMonths.end()) {
    return std::nullopt;
  }
  return static_cast<unsigned>(it - kMonths.begin()) + 1;
}

std::optional<int> ToYear(std::string_view text) {
  const std::optional<int> year = ToNumber(text, 4);
  if (!year || text.size() < 2) {
    return std::nullopt;
  }
  if (text.size() == 4) {
    return year;
  }
  return text.size() == 2 && *year < 50 ? *year + 2000 : *year + 1900;
}

// "hh:mm" or "hh:mm:ss".
std::optional<std::chrono::seconds> ToTime(std::string_view text) {
  std::array<int, 3> parts = {0, 0, 0};
  size_t count = 0;
  while (count < parts.size()) {
    const std::optional<int> part = ToNumber(text.substr(0, text.find(':')), 2);
    if (!part) {
      return std::nullopt;
    }
    parts[count++] = *part;
    if (text.find(':') == std::string_view::npos) {
      break;
    }
    text.remove_prefix(text.find(':') + 1);
  }
  if (count < 2 || parts[0] > 23 || parts[1] > 59 || parts[2] > 60) {
    return std::nullopt;
  }
  return std::chrono::hours(parts[0]) + std::chrono::minutes(parts[1]) +
         std::chrono::seconds(parts[2]);
}

// What is to be subtracted; unknown zones are UTC, as RFC 5322 section 4.3 wants.
std::chrono::minutes ToZone(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, int>, 8> kNames = {{{"est", -5},
                                                                       {"edt", -4},
                                                                       {"cst", -6},
                                                                       {"cdt", -5},
                                                                       {"mst", -7},
                                                                       {"mdt", -6},
                                                                       {"pst", -8},
                                                                       {"pdt", -7}}};
  if (text.size() == 5 && (text.front() == '+' || text.front() == '-')) {
    const int sign = text.front() == '-' ? -1 : 1;
    const int number = ToNumber(text.substr(1), 4).value_or(0);
    return std::chrono::minutes(sign * (number / 100 * 60 + number % 100));
  }
  for (const auto& [name, hours] : kNames) {
    if (EqualsIgnoreCase(text, name)) {
      return std::chrono::hours(hours);
    }
  }
  return std::chrono::minutes(0);
}

// The next field of `*header`, folded lines included, without its line end.
std::string_view TakeField(std::string_view* header) {
  size_t end = 0;
  do {
    end = std::min(header->find('\n', end), header->size() - 1) + 1;
  } while (end < header->size() && ((*header)[end] == ' ' || (*header)[end] == '\t'));
  const std::string_view field = header->substr(0, end);
  header->remove_prefix(end);
  return field;
}

}  // namespace

std::optional<WallTime> ParseMailDate(std::string_view text) {
  const std::vector<std::string> tokens = Tokens(text);
  // "Tue, 24 Nov 2026 15:09:25 +0100"; the day of the week may be missing.
  size_t at = !tokens.empty() && !ToNumber(tokens[0], 2) ? 1 : 0;
  if (tokens.size() < at + 4) {
    return std::nullopt;
  }
  const std::optional<int> day = ToNumber(tokens[at], 2);
  const std::optional<unsigned> month = ToMonth(tokens[at + 1]);
  const std::optional<int> year = ToYear(tokens[at + 2]);
  const std::optional<std::chrono::seconds> time = ToTime(tokens[at + 3]);
  if (!day || !month || !year || !time) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  const std::chrono::minutes zone =
      tokens.size() > at + 4 ? ToZone(tokens[at + 4]) : std::chrono::minutes(0);
  return WallTime(std::chrono::sys_days(date)) + *time - zone;
}

std::optional<WallTime> ArrivalDate(std::string_view header) {
  std::optional<WallTime> sent;
  while (!header.empty() && header.front() != '\r' && header.front() != '\n') {
    const std::string_view field = TakeField(&header);
    std::optional<WallTime> date;
    if (StartsWithIgnoreCase(field, "Received:")) {
      const size_t semicolon = field.rfind(';');
      date = semicolon == std::string_view::npos ? std::nullopt
                                                 : ParseMailDate(field.substr(semicolon + 1));
      if (date) {
        return date;
      }
    } else if (!sent && StartsWithIgnoreCase(field, "Date:")) {
      sent = ParseMailDate(field.substr(5));
    }
  }
  return sent;
}

}  // namespace mailhaul::pop3
