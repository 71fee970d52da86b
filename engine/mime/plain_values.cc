#include "engine/mime/plain_values.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/text.h"

namespace mailhaul::mime {
namespace {

// Far below where gmime_values.cc cuts a value or takes it in pieces.
constexpr size_t kPlainBytesMax = 4 * 1024;
constexpr size_t kDateBytesMax = 128;
constexpr size_t kNameBytesMax = 1000;
constexpr int kZoneHoursMax = 14;  // Of the zones in use. GLib has its own opinion beyond a day.

enum CharacterClass : uint8_t {
  kDigit = 1,
  kName = 2,     // Of media types, parameters and domains: no character that RFC 2231 uses.
  kToken = 4,    // Of a parameter's value without quotes: RFC 2045, 5.1.
  kPhrase = 8,   // Of names and local parts without quotes. Fewer than RFC 5322 allows.
  kQuoted = 16,  // Between quotes.
  kComment = 32,
};

constexpr std::array<uint8_t, 256> MakeClasses() {
  std::array<uint8_t, 256> classes{};
  for (size_t i = ' '; i < 0x7F; ++i) {
    const char c = static_cast<char>(i);
    const bool digit = c >= '0' && c <= '9';
    const bool alnum = digit || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool special = std::string_view(" ()<>@,;:\\\"/[]?=").find(c) != std::string_view::npos;
    unsigned bits = digit ? kDigit : 0;
    bits |= alnum || c == '-' || c == '_' ? kName : 0;
    bits |= special ? 0 : kToken;
    bits |= alnum || std::string_view("-_+'&!#").find(c) != std::string_view::npos ? kPhrase : 0;
    bits |= c != '"' && c != '\\' ? kQuoted : 0;
    bits |= alnum || std::string_view(" +-:/.,").find(c) != std::string_view::npos ? kComment : 0;
    classes[i] = static_cast<uint8_t>(bits);
  }
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = MakeClasses();

bool HasEncodedWord(std::string_view text) { return text.find("=?") != std::string_view::npos; }

// Of what stands between quotes. Spaces at the ends are cut elsewhere: not here.
bool IsPlainQuoted(std::string_view text) {
  return !text.empty() && text.front() != ' ' && text.back() != ' ' && !HasEncodedWord(text);
}

class Scanner final {
 public:
  explicit Scanner(std::string_view raw) {
    const size_t begin = std::min(raw.find_first_not_of(" \t\r\n"), raw.size());
    text_ = raw.substr(begin, raw.find_last_not_of(" \t\r\n") + 1 - begin);
  }

  bool done() const { return at_ == text_.size(); }
  bool NextIs(char c) const { return !done() && text_[at_] == c; }
  bool Take(char c) {
    if (!NextIs(c)) {
      return false;
    }
    ++at_;
    return true;
  }

  // Perhaps empty.
  std::string_view TakeAll(unsigned classes) {
    const size_t begin = at_;
    while (!done() && (kClasses[static_cast<unsigned char>(text_[at_])] & classes) != 0) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  // Words of the class with one `joint` between any two, as far as they go; perhaps empty.
  std::string_view TakeJoined(unsigned classes, char joint) {
    const size_t begin = at_;
    size_t end = at_;
    while (!TakeAll(classes).empty()) {
      end = at_;
      if (!Take(joint)) {
        break;
      }
    }
    at_ = end;
    return text_.substr(begin, end - begin);
  }

  // What stands between two quotes; empty when it is not plain.
  std::string_view TakeQuoted() {
    if (!Take('"')) {
      return {};
    }
    const std::string_view inner = TakeAll(kQuoted);
    return Take('"') && IsPlainQuoted(inner) ? inner : std::string_view();
  }

  // -1: not `digits_min` to `digits_max` digits.
  int TakeNumber(size_t digits_min, size_t digits_max) {
    const std::string_view digits = TakeAll(kDigit);
    if (digits.size() < digits_min || digits.size() > digits_max) {
      return -1;
    }
    int number = 0;
    for (const char c : digits) {
      number = number * 10 + (c - '0');
    }
    return number;
  }

  // Spaces, tabs, and line ends before one of them. False: there was none.
  bool SkipSpace() {
    const size_t begin = at_;
    while (!done()) {
      size_t next = at_;
      next += text_[next] == '\r' ? 1 : 0;
      next += next < text_.size() && text_[next] == '\n' ? 1 : 0;
      // A CR alone is no line end.
      const bool bare = next == at_ + 1 && text_[at_] == '\r';
      if (bare || next == text_.size() || (text_[next] != ' ' && text_[next] != '\t')) {
        break;
      }
      at_ = next + 1;
    }
    return at_ > begin;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

struct Parameter {
  std::string_view name;
  size_t bytes_max;
  std::string_view value;
};

// The rest of a value: "; name=value" any number of times. Values of names that are not among
// `wanted` are skipped. False: not plain, or a wanted one is there twice or too long.
template <size_t kCount>
bool TakeParameters(Scanner& scanner, std::array<Parameter, kCount>& wanted) {
  for (;;) {
    scanner.SkipSpace();
    if (scanner.done()) {
      return true;
    }
    if (!scanner.Take(';')) {
      return false;
    }
    scanner.SkipSpace();
    if (scanner.done()) {
      return true;  // Many programs end the last one, too.
    }
    const std::string_view name = scanner.TakeAll(kName);
    if (name.empty() || !scanner.Take('=')) {
      return false;
    }
    const std::string_view value =
        scanner.NextIs('"') ? scanner.TakeQuoted() : scanner.TakeAll(kToken);
    if (value.empty()) {
      return false;
    }
    for (Parameter& parameter : wanted) {
      if (EqualsIgnoreCase(parameter.name, name)) {
        if (!parameter.value.empty() || value.size() > parameter.bytes_max) {
          return false;
        }
        parameter.value = value;
      }
    }
  }
}

// RFC 5322, 3.4.1, without quotes, literals and spaces. Empty when it is another form.
std::string_view TakeDomain(Scanner& scanner) {
  const std::string_view domain = scanner.TakeJoined(kName, '.');
  // GMime decodes A-labels.
  const bool encoded = domain.find("--") != std::string_view::npos;
  return encoded ? std::string_view() : domain;
}

bool TakeAddress(Scanner& scanner, std::string_view local, std::string& email) {
  if (local.empty() || !scanner.Take('@')) {
    return false;
  }
  const std::string_view domain = TakeDomain(scanner);
  if (domain.empty() || local.size() + 1 + domain.size() > kEmailBytesMax) {
    return false;
  }
  email.reserve(local.size() + 1 + domain.size());
  email.append(local).append(1, '@').append(domain);
  return true;
}

bool TakeMailbox(Scanner& scanner, Mailbox& mailbox) {
  std::string_view name;
  if (scanner.NextIs('"')) {
    name = scanner.TakeQuoted();
    if (name.empty()) {
      return false;
    }
  } else if (!scanner.NextIs('<')) {
    const Scanner begin = scanner;
    const std::string_view local = scanner.TakeJoined(kPhrase, '.');
    if (scanner.NextIs('@')) {
      return TakeAddress(scanner, local, mailbox.email);
    }
    scanner = begin;
    name = scanner.TakeJoined(kPhrase, ' ');
    if (name.empty()) {
      return false;
    }
  }
  if (name.size() > kNameBytesMax) {
    return false;
  }
  scanner.SkipSpace();
  if (!scanner.Take('<') ||
      !TakeAddress(scanner, scanner.TakeJoined(kPhrase, '.'), mailbox.email) ||
      !scanner.Take('>')) {
    return false;
  }
  mailbox.name = name;
  return true;
}

// The place of a word of three letters among `words`, which are strung together; -1 if it is none.
int TakeWordOf(std::string_view words, Scanner& scanner) {
  const std::string_view word = scanner.TakeAll(kName);
  if (word.size() != 3) {
    return -1;
  }
  for (size_t i = 0; i < words.size(); i += 3) {
    if (words.substr(i, 3) == word) {
      return static_cast<int>(i / 3);
    }
  }
  return -1;
}

std::optional<std::chrono::sys_days> TakeDay(Scanner& scanner) {
  const Scanner begin = scanner;
  if (TakeWordOf("SunMonTueWedThuFriSat", scanner) < 0) {
    scanner = begin;
  } else if (!scanner.Take(',') || !scanner.SkipSpace()) {
    return std::nullopt;
  }
  const int day = scanner.TakeNumber(1, 2);
  if (day < 1 || !scanner.SkipSpace()) {
    return std::nullopt;
  }
  const int month = TakeWordOf("JanFebMarAprMayJunJulAugSepOctNovDec", scanner);
  if (month < 0 || !scanner.SkipSpace()) {
    return std::nullopt;
  }
  const int year = scanner.TakeNumber(4, 4);
  if (year < 1970 || !scanner.SkipSpace()) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month + 1)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

// Without leap seconds.
std::optional<std::chrono::seconds> TakeTimeOfDay(Scanner& scanner) {
  const int hour = scanner.TakeNumber(2, 2);
  if (hour < 0 || hour > 23 || !scanner.Take(':')) {
    return std::nullopt;
  }
  const int minute = scanner.TakeNumber(2, 2);
  if (minute < 0 || minute > 59 || !scanner.Take(':')) {
    return std::nullopt;
  }
  const int second = scanner.TakeNumber(2, 2);
  if (second < 0 || second > 59) {
    return std::nullopt;
  }
  return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

// East of Greenwich.
std::optional<std::chrono::minutes> TakeZone(Scanner& scanner) {
  const bool west = scanner.NextIs('-');
  if (!scanner.Take('-') && !scanner.Take('+')) {
    return scanner.TakeAll(kName) == "GMT" ? std::optional(std::chrono::minutes(0)) : std::nullopt;
  }
  const int zone = scanner.TakeNumber(4, 4);
  if (zone < 0 || zone / 100 > kZoneHoursMax || zone % 100 > 59) {
    return std::nullopt;
  }
  const std::chrono::minutes offset(zone / 100 * 60 + zone % 100);
  return west ? -offset : offset;
}

// What stands behind the zone means nothing.
bool EndsPlainly(Scanner& scanner) {
  if (scanner.SkipSpace() && scanner.Take('(')) {
    scanner.TakeAll(kComment);
    return scanner.Take(')') && scanner.done();
  }
  return scanner.done();
}

}  // namespace

std::optional<ContentType> PlainContentType(std::string_view raw) {
  if (raw.size() > kPlainBytesMax) {
    return std::nullopt;
  }
  Scanner scanner(raw);
  const std::string_view type = scanner.TakeAll(kName);
  if (type.empty() || type.size() > kTypeBytesMax || !scanner.Take('/')) {
    return std::nullopt;
  }
  const std::string_view subtype = scanner.TakeAll(kToken);
  if (subtype.empty() || subtype.size() > kTypeBytesMax) {
    return std::nullopt;
  }
  std::array<Parameter, 5> wanted = {{{"boundary", kPlainBytesMax, {}},
                                      {"charset", kCharsetNameBytesMax, {}},
                                      {"name", kFilenameBytesMax, {}},
                                      {"format", kTypeBytesMax, {}},
                                      {"delsp", kTypeBytesMax, {}}}};
  if (!TakeParameters(scanner, wanted)) {
    return std::nullopt;
  }
  return ContentType{.type = AsciiLowered(type),
                     .subtype = AsciiLowered(subtype),
                     .boundary = std::string(wanted[0].value),
                     .charset = std::string(wanted[1].value),
                     .name = std::string(wanted[2].value),
                     .is_flowed = EqualsIgnoreCase(wanted[3].value, "flowed"),
                     .deletes_spaces = EqualsIgnoreCase(wanted[4].value, "yes")};
}

std::optional<ContentDisposition> PlainContentDisposition(std::string_view raw) {
  if (raw.size() > kPlainBytesMax) {
    return std::nullopt;
  }
  Scanner scanner(raw);
  const std::string_view kind = scanner.TakeAll(kName);
  if (kind.empty() || kind.size() > kTypeBytesMax) {
    return std::nullopt;
  }
  std::array<Parameter, 1> wanted = {{{"filename", kFilenameBytesMax, {}}}};
  if (!TakeParameters(scanner, wanted)) {
    return std::nullopt;
  }
  return ContentDisposition{.kind = AsciiLowered(kind), .filename = std::string(wanted[0].value)};
}

bool AppendPlainMailboxes(std::string_view raw, std::vector<Mailbox>& mailboxes) {
  if (raw.size() > kPlainBytesMax) {
    return false;
  }
  const size_t before = mailboxes.size();
  Scanner scanner(raw);
  bool plain = true;
  do {
    scanner.SkipSpace();
    Mailbox mailbox;
    plain = mailboxes.size() < kAddressesMax && TakeMailbox(scanner, mailbox);
    if (plain) {
      mailboxes.push_back(std::move(mailbox));
      scanner.SkipSpace();
    }
  } while (plain && scanner.Take(','));
  if (!plain || !scanner.done()) {
    mailboxes.resize(before);
    return false;
  }
  return true;
}

std::optional<WallTime> PlainDate(std::string_view raw) {
  if (raw.size() > kDateBytesMax) {
    return std::nullopt;
  }
  Scanner scanner(raw);
  const std::optional<std::chrono::sys_days> day = TakeDay(scanner);
  if (!day.has_value()) {
    return std::nullopt;
  }
  const std::optional<std::chrono::seconds> time = TakeTimeOfDay(scanner);
  if (!time.has_value() || !scanner.SkipSpace()) {
    return std::nullopt;
  }
  const std::optional<std::chrono::minutes> zone = TakeZone(scanner);
  if (!zone.has_value() || !EndsPlainly(scanner)) {
    return std::nullopt;
  }
  return WallTime(*day + *time - *zone);
}

}  // namespace mailhaul::mime
