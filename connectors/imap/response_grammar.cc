// The grammar of responses; FETCH items are in fetch_grammar.cc, folders and sets in
// mailbox_grammar.cc.
#include <algorithm>

#include "base/text.h"
#include "connectors/imap/fetch_grammar.h"
#include "connectors/imap/mailbox_grammar.h"
#include "connectors/imap/response_parser.h"
#include "connectors/imap/scanner.h"

namespace mailhaul::imap {
namespace {

std::string AsciiUppered(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  return upper;
}

Condition ConditionNamed(std::string_view word) {
  if (EqualsIgnoreCase(word, "OK")) {
    return Condition::kOk;
  }
  if (EqualsIgnoreCase(word, "NO")) {
    return Condition::kNo;
  }
  if (EqualsIgnoreCase(word, "BAD")) {
    return Condition::kBad;
  }
  if (EqualsIgnoreCase(word, "PREAUTH")) {
    return Condition::kPreauth;
  }
  return EqualsIgnoreCase(word, "BYE") ? Condition::kBye : Condition::kNone;
}

// Offset of the bracket that closes the one at 0, quoted strings respected; npos if there is none.
size_t ClosingBracket(std::string_view text) {
  bool quoted = false;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ']' && !quoted) {
      return i;
    }
  }
  return std::string_view::npos;
}

void AddCapabilities(std::string_view words, std::vector<std::string>* out) {
  while (!words.empty() && out->size() < kCapabilitiesMax) {
    const size_t end = std::min(words.find(' '), words.size());
    if (end > 0) {
      out->push_back(AsciiUppered(words.substr(0, end)));
    }
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

// resp-text: "[CODE arguments] text". Text that only looks like a code stays text.
void ParseResponseText(std::string_view text, Response* response) {
  const size_t close = text.starts_with('[') ? ClosingBracket(text) : std::string_view::npos;
  if (close != std::string_view::npos) {
    const std::string_view code = text.substr(1, close - 1);
    const size_t name_end = std::min(code.find(' '), code.size());
    response->code.name = AsciiUppered(code.substr(0, name_end));
    response->code.arguments = code.substr(std::min(name_end + 1, code.size()));
    text.remove_prefix(close + 1);
    if (text.starts_with(' ')) {
      text.remove_prefix(1);
    }
    if (response->code.name == "CAPABILITY") {
      AddCapabilities(response->code.arguments, &response->capabilities);
    }
  }
  response->text = text;
}

bool ParseCondition(Scanner scanner, ResponseKind kind, Condition condition, Response* response) {
  response->kind = kind;
  response->condition = condition;
  scanner.Skip(' ');
  ParseResponseText(scanner.rest(), response);
  return true;
}

bool ParseNumbered(Scanner* scanner, Response* response) {
  response->number = scanner->Number32();
  scanner->Expect(' ');
  const std::string_view word = scanner->Atom();
  if (EqualsIgnoreCase(word, "FETCH")) {
    response->kind = ResponseKind::kFetch;
    response->fetch.sequence = response->number;
    ParseFetchItems(scanner, &response->fetch);
    return !scanner->failed() && scanner->AtEnd() && response->number > 0;
  }
  if (EqualsIgnoreCase(word, "EXISTS")) {
    response->kind = ResponseKind::kExists;
  } else if (EqualsIgnoreCase(word, "RECENT")) {
    response->kind = ResponseKind::kRecent;
  } else if (EqualsIgnoreCase(word, "EXPUNGE")) {
    response->kind = ResponseKind::kExpunge;
    if (response->number == 0) {
      return false;
    }
  } else {
    response->kind = ResponseKind::kOther;
  }
  return !scanner->failed();
}

// What follows the words that name a response of this kind.
void ParseNamed(std::string_view word, Scanner* scanner, Response* response) {
  if (EqualsIgnoreCase(word, "CAPABILITY")) {
    response->kind = ResponseKind::kCapability;
    AddCapabilities(scanner->rest(), &response->capabilities);
  } else if (EqualsIgnoreCase(word, "LIST")) {
    response->kind = ResponseKind::kList;
    ParseList(scanner, &response->list);
  } else if (EqualsIgnoreCase(word, "FLAGS")) {
    response->kind = ResponseKind::kFlags;
    scanner->SkipValue();
  } else if (EqualsIgnoreCase(word, "SEARCH")) {
    response->kind = ResponseKind::kSearch;
    ParseSearch(scanner, &response->uids);
  } else if (EqualsIgnoreCase(word, "ESEARCH")) {
    response->kind = ResponseKind::kSearch;
    ParseEsearch(scanner, &response->uids);
  } else if (EqualsIgnoreCase(word, "VANISHED")) {
    response->kind = ResponseKind::kVanished;
    ParseVanished(scanner, response);
  } else if (EqualsIgnoreCase(word, "STATUS")) {
    response->kind = ResponseKind::kStatus;
    ParseStatus(scanner, &response->status);
  } else if (EqualsIgnoreCase(word, "NAMESPACE")) {
    response->kind = ResponseKind::kNamespace;
    ParseNamespace(scanner, &response->namespaces);
  } else if (EqualsIgnoreCase(word, "ENABLED")) {
    response->kind = ResponseKind::kEnabled;
    AddCapabilities(scanner->rest(), &response->capabilities);
  } else {
    response->kind = ResponseKind::kOther;
  }
}

bool ParseUntagged(Scanner* scanner, Response* response) {
  if (scanner->Peek() >= '0' && scanner->Peek() <= '9') {
    return ParseNumbered(scanner, response);
  }
  const std::string_view word = scanner->Atom();
  const Condition condition = ConditionNamed(word);
  if (condition != Condition::kNone) {
    return ParseCondition(*scanner, ResponseKind::kCondition, condition, response);
  }
  ParseNamed(word, scanner, response);
  return !scanner->failed();
}

}  // namespace

bool MayContainLiterals(std::string_view text) {
  if (!text.starts_with("* ")) {
    return false;
  }
  text.remove_prefix(2);
  return ConditionNamed(text.substr(0, text.find(' '))) == Condition::kNone;
}

bool ParseResponse(std::string_view text, size_t streamed_literal, Response* response) {
  response->Clear();
  if (text.starts_with('+')) {
    response->kind = ResponseKind::kContinuation;
    response->text = text.substr(text.starts_with("+ ") ? 2 : 1);
    return true;
  }
  Scanner scanner(text, streamed_literal);
  if (text.starts_with("* ")) {
    scanner.Skip('*');
    scanner.Skip(' ');
    return ParseUntagged(&scanner, response);
  }
  response->tag = scanner.Atom();
  scanner.Expect(' ');
  const Condition condition = ConditionNamed(scanner.Atom());
  const bool ends_command =
      condition == Condition::kOk || condition == Condition::kNo || condition == Condition::kBad;
  return !scanner.failed() && ends_command &&
         ParseCondition(scanner, ResponseKind::kTagged, condition, response);
}

bool ParseFetchUpToBody(std::string_view text, size_t literal, Response* response) {
  // Cheap, and enough to leave other literals alone.
  if (!text.ends_with("] ")) {
    return false;
  }
  response->Clear();
  Scanner scanner(text, literal);
  scanner.Expect('*');
  scanner.Expect(' ');
  response->number = scanner.Number32();
  scanner.Expect(' ');
  if (!EqualsIgnoreCase(scanner.Atom(), "FETCH")) {
    return false;
  }
  response->kind = ResponseKind::kFetch;
  response->fetch.sequence = response->number;
  return ParseFetchItemsUpToBody(&scanner, &response->fetch);
}

}  // namespace mailhaul::imap
