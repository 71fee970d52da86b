#include "base/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

#include "base/text.h"

namespace mailhaul {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kValueMax = uint64_t{std::numeric_limits<int64_t>::max()};

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr uint64_t kKibi = 1024;
constexpr uint64_t kKilo = 1000;
constexpr std::array<Unit, 9> kByteUnits = {{{"", 1},
                                             {"KiB", kKibi},
                                             {"MiB", kKibi* kKibi},
                                             {"GiB", kKibi* kKibi* kKibi},
                                             {"TiB", kKibi* kKibi* kKibi* kKibi},
                                             {"kB", kKilo},
                                             {"MB", kKilo* kKilo},
                                             {"GB", kKilo* kKilo* kKilo},
                                             {"TB", kKilo* kKilo* kKilo* kKilo}}};
constexpr std::array<Unit, 5> kDurationUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

Status Invalid(std::string_view text, std::string_view expected) {
  return {Code::kInvalidArgument,
          "\"" + EscapeForLog(text, 40) + "\" is not " + std::string(expected)};
}

// A whole number at the start of `text`; what follows it is left in `text`.
bool TakeNumber(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    return false;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

template <size_t N>
Result<uint64_t> ParseWithUnit(std::string_view text, const std::array<Unit, N>& units,
                               std::string_view expected) {
  std::string_view rest = text;
  uint64_t number = 0;
  if (!TakeNumber(rest, number)) {
    return Invalid(text, expected);
  }
  if (number == 0 && rest.empty()) {
    return uint64_t{0};
  }
  for (const Unit& unit : units) {
    if (rest == unit.name) {
      if (number > kValueMax / unit.factor) {
        return Status(Code::kInvalidArgument, "\"" + EscapeForLog(text, 40) + "\" is too large");
      }
      return number * unit.factor;
    }
  }
  return Invalid(text, expected);
}

// Tenths of a unit, without ".0".
std::string Tenths(uint64_t tenths) {
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) {
    text += "." + std::to_string(tenths % 10);
  }
  return text;
}

std::string TwoUnits(uint64_t large, std::string_view large_unit, uint64_t small,
                     std::string_view small_unit) {
  std::string text = std::to_string(large) + std::string(large_unit);
  if (small != 0) {
    text += " " + std::to_string(small) + std::string(small_unit);
  }
  return text;
}

// Exactly `digits` decimal digits from the start of `text`.
bool TakeDigits(std::string_view& text, size_t digits, unsigned& value) {
  if (text.size() < digits) {
    return false;
  }
  value = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return false;
    }
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool TakeChar(std::string_view& text, std::string_view allowed) {
  if (text.empty() || allowed.find(text.front()) == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

bool TakeFraction(std::string_view& text, unsigned& millis) {
  size_t digits = 0;
  unsigned scale = 100;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    millis += static_cast<unsigned>(text[digits] - '0') * scale;
    scale /= 10;
    ++digits;
  }
  text.remove_prefix(digits);
  return digits > 0;
}

bool TakeOffset(std::string_view& text, std::chrono::minutes& offset) {
  if (TakeChar(text, "Zz")) {
    return true;
  }
  const bool negative = !text.empty() && text.front() == '-';
  unsigned hours = 0;
  unsigned minutes = 0;
  if (!TakeChar(text, "+-") || !TakeDigits(text, 2, hours) || !TakeChar(text, ":") ||
      !TakeDigits(text, 2, minutes) || hours > 23 || minutes > 59) {
    return false;
  }
  offset = std::chrono::minutes((negative ? -1 : 1) * static_cast<int>(hours * 60 + minutes));
  return true;
}

}  // namespace

Result<uint64_t> ParseByteSize(std::string_view text) {
  return ParseWithUnit(text, kByteUnits, "a size such as 64MiB, 2500MB or 512");
}

Result<milliseconds> ParseDuration(std::string_view text) {
  MH_ASSIGN_OR_RETURN(const uint64_t count,
                      ParseWithUnit(text, kDurationUnits, "a duration such as 250ms, 10s or 30d"));
  return milliseconds(static_cast<int64_t>(count));
}

std::string FormatByteSize(uint64_t bytes) {
  static constexpr std::array<std::string_view, 7> kNames = {"B",   "KiB", "MiB", "GiB",
                                                             "TiB", "PiB", "EiB"};
  if (bytes < kKibi) {
    return std::to_string(bytes) + " B";
  }
  size_t unit = 0;
  uint64_t whole = bytes;
  uint64_t rest = 0;  // Of the last division, in 1/1024.
  while (whole >= kKibi) {
    rest = whole % kKibi;
    whole /= kKibi;
    ++unit;
  }
  uint64_t tenths = whole * 10 + (rest * 10 + kKibi / 2) / kKibi;
  if (tenths == kKibi * 10 && unit + 1 < kNames.size()) {  // 1023.96 KiB is 1 MiB.
    tenths = 10;
    ++unit;
  }
  return Tenths(tenths) + " " + std::string(kNames[unit]);
}

std::string FormatDuration(milliseconds duration) {
  if (duration.count() < 0) {
    const auto positive = static_cast<uint64_t>(-(duration.count() + 1)) + 1;
    return "-" + FormatDuration(milliseconds(static_cast<int64_t>(std::min(positive, kValueMax))));
  }
  const auto millis = static_cast<uint64_t>(duration.count());
  if (millis < 1000) {
    return std::to_string(millis) + "ms";
  }
  if (millis < 60'000) {
    return Tenths(millis / 100) + "s";
  }
  const uint64_t seconds = millis / 1000;
  if (seconds < 3600) {
    return TwoUnits(seconds / 60, "m", seconds % 60, "s");
  }
  if (seconds < 86'400) {
    return TwoUnits(seconds / 3600, "h", seconds % 3600 / 60, "m");
  }
  return TwoUnits(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

std::string FormatRfc3339(WallTime time) {
  // RFC 3339 knows the years 0 to 9999; times beyond them come from broken headers.
  static constexpr WallTime kFirst{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
  static constexpr WallTime kLast{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31} +
                                  std::chrono::hours(24) - milliseconds(1)};
  time = std::clamp(time, kFirst, kLast);
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto millis = static_cast<unsigned>((time - day).count());
  std::array<char, 40> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02u:%02u:%02u", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), millis / 3'600'000,
      millis / 60'000 % 60, millis / 1000 % 60);
  std::string formatted(text.data(), static_cast<size_t>(length));
  if (millis % 1000 != 0) {
    const std::string fraction = std::to_string(1000 + millis % 1000);
    formatted += "." + fraction.substr(1);
  }
  return formatted + "Z";
}

Result<WallTime> ParseRfc3339(std::string_view text) {
  static constexpr std::string_view kExpected = "a time such as 2026-01-31T09:30:00Z";
  std::string_view rest = text;
  unsigned year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  unsigned millis = 0;
  std::chrono::minutes offset{0};
  if (!TakeDigits(rest, 4, year) || !TakeChar(rest, "-") || !TakeDigits(rest, 2, month) ||
      !TakeChar(rest, "-") || !TakeDigits(rest, 2, day) || !TakeChar(rest, "Tt ") ||
      !TakeDigits(rest, 2, hour) || !TakeChar(rest, ":") || !TakeDigits(rest, 2, minute) ||
      !TakeChar(rest, ":") || !TakeDigits(rest, 2, second)) {
    return Invalid(text, kExpected);
  }
  if ((TakeChar(rest, ".") && !TakeFraction(rest, millis)) || !TakeOffset(rest, offset) ||
      !rest.empty()) {
    return Invalid(text, kExpected);
  }
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day));
  // Second 60 is a leap second and counts as the first of the next minute.
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) {
    return Invalid(text, kExpected);
  }
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) + milliseconds(millis) -
         offset;
}

}  // namespace mailhaul
