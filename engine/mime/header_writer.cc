#include "engine/mime/header_writer.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/base64.h"
#include "base/text.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kColumnsMax = 76;  // RFC 2047 section 2 wants it where encoded words stand.
constexpr size_t kWordColumnsMin = 24;
constexpr size_t kTokenBytesMax = 900;
constexpr size_t kPlainParameterBytesMax = 60;
constexpr std::string_view kWordBegin = "=?utf-8?";  // Then "B?" or "Q?".
constexpr std::string_view kWordEnd = "?=";
constexpr size_t kWordOverhead = kWordBegin.size() + 2 + kWordEnd.size();

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Readers decode encoded words at places where they should not, quoted strings among them.
bool LooksEncoded(std::string_view text) { return text.find("=?") != std::string_view::npos; }

bool IsAtomText(char c) {
  return IsAlphanumeric(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string::npos;
}

// The end of the spaces at `begin` and of the word behind them.
size_t ChunkEnd(std::string_view text, size_t begin) {
  const size_t word = std::min(text.find_first_not_of(' ', begin), text.size());
  return std::min(text.find(' ', word), text.size());
}

bool HasLongChunk(std::string_view text) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = ChunkEnd(text, begin);
    if (end - begin > kTokenBytesMax) {
      return true;
    }
    begin = end;
  }
  return false;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

size_t SequenceBytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return std::min(bytes, text.size());
}

std::string QEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsAlphanumeric(c)) {
      encoded += c;
    } else if (c == ' ') {
      encoded += '_';
    } else {
      encoded += {'=', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

size_t QBytes(std::string_view text) {
  size_t bytes = 0;
  for (const char c : text) {
    bytes += IsAlphanumeric(c) || c == ' ' ? 1 : 3;
  }
  return bytes;
}

// How much of the front of `text` fits into one Q word of `columns`, at least one character.
size_t QPrefix(std::string_view text, size_t columns) {
  const size_t room = columns - kWordOverhead;
  size_t taken = 0;
  while (taken < text.size()) {
    const size_t next = taken + SequenceBytes(text.substr(taken));
    if (QBytes(text.substr(0, next)) > room && taken > 0) {
      break;
    }
    taken = next;
  }
  return taken;
}

// The same for a B word that needs no padding, unless it is the last: some readers join neighbours
// before they decode, and stop at the first padding. 0 when characters end nowhere fit.
size_t BPrefix(std::string_view text, size_t columns) {
  const size_t room = (columns - kWordOverhead) / 4 * 3;
  size_t unpadded = 0;
  size_t taken = 0;
  while (taken < text.size()) {
    taken += SequenceBytes(text.substr(taken));
    if (taken > room) {
      return unpadded;
    }
    unpadded = taken % 3 == 0 ? taken : unpadded;
  }
  return taken;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
    }
    quoted += c;
  }
  return quoted + "\"";
}

bool IsPlainPhrase(std::string_view text) {
  return text.front() != ' ' && text.back() != ' ' && text.find("  ") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || IsAtomText(c); });
}

bool IsPlainParameter(std::string_view value) {
  return value.size() <= kPlainParameterBytesMax && IsAscii(value) && !LooksEncoded(value) &&
         value.find_first_of("\"\\") == std::string_view::npos;
}

// RFC 2231 section 4: one byte of an extended value.
std::string ExtendedByte(char c) {
  const bool plain = IsAlphanumeric(c) || c == '.' || c == '-' || c == '_';
  return plain ? std::string(1, c) : "%" + HexEncode(std::string_view(&c, 1));
}

}  // namespace

bool IsMimeToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7F &&
           std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string::npos;
  });
}

FieldWriter::FieldWriter(std::string_view name, std::string& out) : out_(out) {
  Put(name);
  Put(":");
}

FieldWriter::~FieldWriter() { out_ += "\r\n"; }

void FieldWriter::Put(std::string_view text) {
  out_ += text;
  column_ += text.size();
}

void FieldWriter::Fold() {
  out_ += "\r\n";
  column_ = 0;
}

void FieldWriter::AddToken(std::string_view token) {
  // A fold right behind the name leaves a first line that some readers take for an empty field.
  if (!at_start_ && column_ + 1 + token.size() > kColumnsMax) {
    Fold();
  }
  Put(" ");
  Put(token);
  at_start_ = false;
}

void FieldWriter::AddPunctuation(char c) { Put(std::string_view(&c, 1)); }

void FieldWriter::AddUnstructured(std::string_view text) {
  text = Trimmed(text);
  if (!IsAscii(text) || LooksEncoded(text) || HasLongChunk(text)) {
    AddEncodedWords(text);
    return;
  }
  Put(" ");
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = ChunkEnd(text, begin);
    if (begin > 0 && column_ + end - begin > kColumnsMax) {
      Fold();  // The chunk begins with the space that makes a continuation.
    }
    Put(text.substr(begin, end - begin));
    begin = end;
  }
  at_start_ = false;
}

void FieldWriter::AddEncodedWords(std::string_view text) {
  const bool prefer_b = QBytes(text) > (text.size() + 2) / 3 * 4;
  while (!text.empty()) {
    if (column_ + 1 + kWordColumnsMin > kColumnsMax) {
      Fold();
    }
    const size_t columns = kColumnsMax - 1 - column_;
    const size_t unpadded = prefer_b ? BPrefix(text, columns) : 0;
    const size_t taken = unpadded > 0 ? unpadded : QPrefix(text, columns);
    const std::string_view piece = text.substr(0, taken);
    Put(" ");
    Put(kWordBegin);
    Put(unpadded > 0 ? "B?" + Base64Encode(piece) : "Q?" + QEncode(piece));
    Put(kWordEnd);
    text.remove_prefix(taken);
    at_start_ = false;
    if (!text.empty()) {
      Fold();
    }
  }
}

void FieldWriter::AddMailbox(const Mailbox& mailbox) {
  if (mailbox.name.empty()) {
    AddToken(mailbox.email);
    return;
  }
  if (!IsAscii(mailbox.name) || LooksEncoded(mailbox.name)) {
    AddEncodedWords(mailbox.name);
  } else {
    AddToken(IsPlainPhrase(mailbox.name) ? mailbox.name : Quoted(mailbox.name));
  }
  AddToken("<" + mailbox.email + ">");
}

void FieldWriter::AddParameter(std::string_view name, std::string_view value) {
  const std::string attribute(name);
  AddPunctuation(';');
  if (IsPlainParameter(value)) {
    AddToken(attribute + "=" + (IsMimeToken(value) ? std::string(value) : Quoted(value)));
    return;
  }
  std::vector<std::string> sections = {"utf-8''"};
  for (const char c : value) {
    const std::string encoded = ExtendedByte(c);
    if (sections.back().size() + encoded.size() > kPlainParameterBytesMax) {
      sections.emplace_back();
    }
    sections.back() += encoded;
  }
  for (size_t i = 0; i < sections.size(); ++i) {
    const std::string number = sections.size() > 1 ? "*" + std::to_string(i) : "";
    if (i > 0) {
      AddPunctuation(';');
    }
    AddToken(attribute + number + "*=" + sections[i]);
  }
}

void AppendUnstructuredField(std::string_view name, std::string_view text, std::string& out) {
  FieldWriter(name, out).AddUnstructured(text);
}

void AppendMailboxField(std::string_view name, std::span<const Mailbox> mailboxes,
                        std::string& out) {
  if (mailboxes.empty()) {
    return;
  }
  FieldWriter writer(name, out);
  for (size_t i = 0; i < mailboxes.size(); ++i) {
    if (i > 0) {
      writer.AddPunctuation(',');
    }
    writer.AddMailbox(mailboxes[i]);
  }
}

void AppendIdField(std::string_view name, std::span<const std::string> ids, std::string& out) {
  if (ids.empty()) {
    return;
  }
  FieldWriter writer(name, out);
  for (const std::string& id : ids) {
    writer.AddToken("<" + id + ">");
  }
}

void AppendDateField(WallTime date, std::string& out) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(date);
  const std::chrono::year_month_day calendar(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(date - day));
  std::array<char, 64> text = {};
  const int size = std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d +0000",
      kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(calendar.day()),
      kMonths[static_cast<unsigned>(calendar.month()) - 1], static_cast<int>(calendar.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  FieldWriter("Date", out).AddToken(std::string_view(text.data(), static_cast<size_t>(size)));
}

}  // namespace mailhaul::mime
