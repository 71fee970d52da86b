#include "connectors/imap/mailbox_grammar.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "connectors/imap/limits.h"

namespace mailhaul::imap {
namespace {

// NIL or a string of one character.
char ParseDelimiter(Scanner* scanner) {
  if (scanner->SkipNil()) {
    return '\0';
  }
  std::string delimiter;
  scanner->String(&delimiter);
  if (delimiter.size() != 1) {
    scanner->Fail();
    return '\0';
  }
  return delimiter.front();
}

// Members in any order, each range in either direction (RFC 9051 sequence-set, without "*").
void AddUids(std::vector<UidRange> ranges, UidSet* uids) {
  const auto before = [](UidRange a, UidRange b) { return a.first < b.first; };
  if (!std::is_sorted(ranges.begin(), ranges.end(), before)) {
    std::sort(ranges.begin(), ranges.end(), before);
  }
  for (const UidRange range : ranges) {
    uids->AddRange(range);
  }
}

void ParseUidSet(Scanner* scanner, UidSet* uids) {
  std::vector<UidRange> ranges;
  do {
    UidRange range;
    range.first = scanner->Number32();
    range.last = scanner->Skip(':') ? scanner->Number32() : range.first;
    if (scanner->failed() || range.first == 0 || range.last == 0) {
      scanner->Fail();
      return;
    }
    if (range.first > range.last) {
      std::swap(range.first, range.last);
    }
    ranges.push_back(range);
  } while (scanner->Skip(','));
  AddUids(std::move(ranges), uids);
}

// "((prefix delimiter extensions...) ...)" or NIL.
void ParseNamespaceList(Scanner* scanner, NamespaceKind kind,
                        std::vector<NamespaceEntry>* namespaces) {
  scanner->Expect(' ');
  if (scanner->SkipNil()) {
    return;
  }
  scanner->Expect('(');
  scanner->SkipSpaces();
  while (!scanner->failed() && !scanner->Skip(')')) {
    NamespaceEntry entry;
    entry.kind = kind;
    scanner->Expect('(');
    scanner->Astring(&entry.prefix);
    scanner->Expect(' ');
    entry.delimiter = ParseDelimiter(scanner);
    while (!scanner->failed() && !scanner->Skip(')')) {
      scanner->SkipValue();
      scanner->SkipSpaces();
    }
    if (namespaces->size() < kNamespacesMax) {
      namespaces->push_back(std::move(entry));
    }
    scanner->SkipSpaces();
  }
}

void ParseStatusItem(std::string_view name, Scanner* scanner, StatusEntry* status) {
  if (scanner->SkipNil()) {
    return;
  }
  if (EqualsIgnoreCase(name, "MESSAGES")) {
    status->messages = scanner->Number32();
  } else if (EqualsIgnoreCase(name, "UIDNEXT")) {
    status->uid_next = scanner->Number32();
  } else if (EqualsIgnoreCase(name, "UIDVALIDITY")) {
    status->uid_validity = scanner->Number32();
  } else if (EqualsIgnoreCase(name, "UNSEEN")) {
    status->unseen = scanner->Number32();
  } else if (EqualsIgnoreCase(name, "HIGHESTMODSEQ")) {
    status->modseq = scanner->Number64();
  } else {
    scanner->SkipValue();
  }
}

}  // namespace

void ParseList(Scanner* scanner, ListEntry* list) {
  scanner->Expect(' ');
  scanner->Expect('(');
  scanner->SkipSpaces();
  while (!scanner->failed() && !scanner->Skip(')')) {
    std::string attribute(scanner->Atom());
    if (list->attributes.size() < kListAttributesMax) {
      list->attributes.push_back(std::move(attribute));
    }
    scanner->SkipSpaces();
  }
  scanner->Expect(' ');
  list->delimiter = ParseDelimiter(scanner);
  scanner->Expect(' ');
  scanner->Astring(&list->mailbox);
  if (scanner->Skip(' ') && !scanner->AtEnd()) {
    scanner->SkipValue();  // Extended data of RFC 5258.
  }
}

void ParseStatus(Scanner* scanner, StatusEntry* status) {
  scanner->Expect(' ');
  scanner->Astring(&status->mailbox);
  scanner->SkipSpaces();
  scanner->Expect('(');
  scanner->SkipSpaces();
  while (!scanner->failed() && !scanner->Skip(')')) {
    const std::string_view name = scanner->Atom();
    scanner->Expect(' ');
    ParseStatusItem(name, scanner, status);
    scanner->SkipSpaces();
  }
}

void ParseNamespace(Scanner* scanner, std::vector<NamespaceEntry>* namespaces) {
  ParseNamespaceList(scanner, NamespaceKind::kPersonal, namespaces);
  ParseNamespaceList(scanner, NamespaceKind::kOtherUsers, namespaces);
  ParseNamespaceList(scanner, NamespaceKind::kShared, namespaces);
}

void ParseSearch(Scanner* scanner, UidSet* uids) {
  std::vector<UidRange> ranges;
  while (scanner->Skip(' ')) {
    scanner->SkipSpaces();
    if (scanner->AtEnd()) {
      break;
    }
    if (scanner->Peek() == '(') {
      scanner->SkipValue();  // "(MODSEQ 917162500)", RFC 7162.
      continue;
    }
    const uint32_t uid = scanner->Number32();
    if (uid == 0) {
      scanner->Fail();
      return;
    }
    if (!ranges.empty() && ranges.back().last != UINT32_MAX && ranges.back().last + 1 == uid) {
      ranges.back().last = uid;
    } else {
      ranges.push_back({uid, uid});
    }
  }
  if (!scanner->AtEnd()) {
    scanner->Fail();
  }
  AddUids(std::move(ranges), uids);
}

// RFC 4731: `(TAG "A282") UID ALL 2,10:11 COUNT 3`.
void ParseEsearch(Scanner* scanner, UidSet* uids) {
  if (scanner->Skip(' ') && scanner->Peek() == '(') {
    scanner->SkipValue();
    scanner->Skip(' ');
  }
  while (!scanner->AtEnd()) {
    const std::string_view name = scanner->Atom();
    if (EqualsIgnoreCase(name, "UID")) {
      scanner->Skip(' ');
      continue;
    }
    scanner->Expect(' ');
    if (EqualsIgnoreCase(name, "ALL")) {
      ParseUidSet(scanner, uids);
    } else {
      scanner->SkipValue();
    }
    scanner->Skip(' ');
  }
}

void ParseVanished(Scanner* scanner, Response* response) {
  response->earlier = scanner->SkipWord(" (EARLIER)");
  scanner->Expect(' ');
  ParseUidSet(scanner, &response->uids);
  if (!scanner->AtEnd()) {
    scanner->Fail();
  }
}

}  // namespace mailhaul::imap
