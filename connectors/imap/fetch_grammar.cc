#include "connectors/imap/fetch_grammar.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"

namespace mailhaul::imap {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};

uint8_t SystemFlag(std::string_view name) {
  if (EqualsIgnoreCase(name, "\\Seen")) {
    return kFlagSeen;
  }
  if (EqualsIgnoreCase(name, "\\Answered")) {
    return kFlagAnswered;
  }
  if (EqualsIgnoreCase(name, "\\Flagged")) {
    return kFlagFlagged;
  }
  if (EqualsIgnoreCase(name, "\\Draft")) {
    return kFlagDraft;
  }
  return EqualsIgnoreCase(name, "\\Deleted") ? kFlagDeleted : 0;
}

bool IsKeyword(std::string_view name) {
  return !name.starts_with('\\') && name.size() <= kKeywordBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

void ParseFlags(Scanner* scanner, FetchEntry* fetch) {
  uint8_t flags = 0;
  fetch->keywords.clear();
  scanner->Expect('(');
  scanner->SkipSpaces();
  while (!scanner->failed() && !scanner->Skip(')')) {
    const std::string_view name = scanner->Atom();
    const uint8_t flag = SystemFlag(name);
    flags |= flag;
    if (flag == 0 && IsKeyword(name) && fetch->keywords.size() < kKeywordsMax) {
      fetch->keywords.emplace_back(name);
    }
    scanner->SkipSpaces();
  }
  fetch->flags = flags;
}

void ParseUid(Scanner* scanner, FetchEntry* fetch) {
  const uint32_t uid = scanner->Number32();
  if (uid == 0 || (fetch->uid != 0 && fetch->uid != uid)) {
    scanner->Fail();
    return;
  }
  fetch->uid = uid;
}

void ParseModseq(Scanner* scanner, FetchEntry* fetch) {
  scanner->Expect('(');
  fetch->modseq = scanner->Number64();
  scanner->Expect(')');
}

void ParseLabels(Scanner* scanner, FetchEntry* fetch) {
  std::vector<std::string>& labels = fetch->labels.emplace();
  if (scanner->SkipNil()) {
    return;
  }
  scanner->Expect('(');
  scanner->SkipSpaces();
  while (!scanner->failed() && !scanner->Skip(')')) {
    std::string label;
    scanner->Astring(&label);
    if (labels.size() < kLabelsMax && !label.empty() && label.size() <= kLabelBytesMax) {
      labels.push_back(std::move(label));
    }
    scanner->SkipSpaces();
  }
}

bool IsObjectId(std::string_view id) {
  return !id.empty() && id.size() <= kObjectIdBytesMax &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '_' || c == '-';
         });
}

// "(M6d99ac3275bb4e)" or NIL (RFC 8474), or the bare number of X-GM-EXT-1. What is no such id is
// dropped.
void ParseObjectId(Scanner* scanner, std::string* id) {
  if (scanner->SkipNil()) {
    return;
  }
  const bool in_parentheses = scanner->Skip('(');
  const std::string_view atom = scanner->Atom();
  if (in_parentheses) {
    scanner->Expect(')');
  }
  if (IsObjectId(atom)) {
    *id = atom;
  }
}

void ParseDate(Scanner* scanner, FetchEntry* fetch) {
  std::string date;
  if (!scanner->SkipNil()) {
    scanner->String(&date);
    fetch->internal_date = ParseInternalDate(date);
  }
}

// The value of BODY[] or BODY[HEADER]. False: it is the literal that the text ends in.
bool ParseBody(Scanner* scanner, BodySection section, FetchEntry* fetch) {
  if (fetch->body != BodyState::kAbsent) {
    scanner->Fail();  // Two bodies in one response.
    return true;
  }
  fetch->section = section;
  if (scanner->SkipStreamedLiteral()) {
    fetch->body = BodyState::kStreamed;
    return !scanner->AtEnd();
  }
  if (scanner->SkipNil()) {
    fetch->body = BodyState::kNil;
    return true;
  }
  scanner->String(&fetch->inline_body);
  fetch->body = BodyState::kInline;
  return true;
}

// "BODY[] " or "BODY[HEADER] " is taken, and nothing else.
std::optional<BodySection> TakeSection(Scanner* scanner) {
  if (scanner->SkipWord("BODY[] ")) {
    return BodySection::kWhole;
  }
  if (scanner->SkipWord("BODY[HEADER] ")) {
    return BodySection::kHeader;
  }
  return std::nullopt;
}

// One item, name and value. False: see ParseBody().
bool ParseItem(Scanner* scanner, FetchEntry* fetch) {
  if (const std::optional<BodySection> section = TakeSection(scanner)) {
    return ParseBody(scanner, *section, fetch);
  }
  const std::string_view name = scanner->ItemName();
  if (scanner->Peek() == '[') {
    scanner->SkipValue();  // The rest of "BODY[TEXT]<0>".
  }
  scanner->Expect(' ');
  if (EqualsIgnoreCase(name, "UID")) {
    ParseUid(scanner, fetch);
  } else if (EqualsIgnoreCase(name, "FLAGS")) {
    ParseFlags(scanner, fetch);
  } else if (EqualsIgnoreCase(name, "RFC822.SIZE")) {
    fetch->size = scanner->Number64();
  } else if (EqualsIgnoreCase(name, "INTERNALDATE")) {
    ParseDate(scanner, fetch);
  } else if (EqualsIgnoreCase(name, "MODSEQ")) {
    ParseModseq(scanner, fetch);
  } else if (EqualsIgnoreCase(name, "X-GM-LABELS")) {
    ParseLabels(scanner, fetch);
  } else if (EqualsIgnoreCase(name, "EMAILID") || EqualsIgnoreCase(name, "X-GM-MSGID")) {
    ParseObjectId(scanner, &fetch->email_id);
  } else if (EqualsIgnoreCase(name, "THREADID") || EqualsIgnoreCase(name, "X-GM-THRID")) {
    ParseObjectId(scanner, &fetch->thread_id);
  } else {
    scanner->SkipValue();
  }
  return true;
}

std::optional<int> Digits(std::string_view text) {
  uint64_t value = 0;
  if (!ParseDecimal(text, 9999, &value)) {
    return std::nullopt;
  }
  return static_cast<int>(value);
}

}  // namespace

void ParseFetchItems(Scanner* scanner, FetchEntry* fetch) {
  scanner->Expect(' ');
  scanner->Expect('(');
  scanner->SkipSpaces();
  while (!scanner->failed() && !scanner->Skip(')')) {
    if (!ParseItem(scanner, fetch)) {
      scanner->Fail();
    }
    scanner->SkipSpaces();
  }
  scanner->SkipSpaces();
}

bool ParseFetchItemsUpToBody(Scanner* scanner, FetchEntry* fetch) {
  scanner->Expect(' ');
  scanner->Expect('(');
  scanner->SkipSpaces();
  while (!scanner->AtEnd() && !scanner->Skip(')')) {
    if (!ParseItem(scanner, fetch)) {
      return true;
    }
    scanner->SkipSpaces();
  }
  return false;
}

std::optional<WallTime> ParseInternalDate(std::string_view text) {
  // "dd-Mon-yyyy hh:mm:ss +zzzz": fixed columns.
  std::string padded(text);
  if (padded.size() == 25) {
    padded.insert(0, 1, '0');  // A day of one digit.
  }
  if (padded.size() != 26 || padded[2] != '-' || padded[6] != '-' || padded[11] != ' ' ||
      padded[14] != ':' || padded[17] != ':' || padded[20] != ' ') {
    return std::nullopt;
  }
  if (padded[0] == ' ') {
    padded[0] = '0';
  }
  const std::string_view view = padded;
  const std::string month_name = AsciiLowered(view.substr(3, 3));
  const auto* month = std::find(kMonths.begin(), kMonths.end(), month_name);
  const auto day = Digits(view.substr(0, 2));
  const auto year = Digits(view.substr(7, 4));
  const auto hour = Digits(view.substr(12, 2));
  const auto minute = Digits(view.substr(15, 2));
  const auto second = Digits(view.substr(18, 2));
  const auto zone = Digits(view.substr(22, 4));
  const bool west = view[21] == '-';
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second || !zone ||
      (!west && view[21] != '+') || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) {
    return std::nullopt;
  }
  const std::chrono::minutes offset(*zone / 100 * 60 + *zone % 100);
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + (west ? offset : -offset);
}

}  // namespace mailhaul::imap
