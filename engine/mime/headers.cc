#include "engine/mime/headers.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/mime/gmime_values.h"

namespace mailhaul::mime {
namespace {

bool IsSpaceOrControl(char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F; }

std::string CleanId(std::string_view raw) {
  std::string id;
  for (const char c : raw.substr(0, kMessageIdBytesMax)) {
    if (!IsSpaceOrControl(c)) {
      id.push_back(c);
    }
  }
  return IsValidUtf8(id) ? id : std::string(Utf8Prefix(ToValidUtf8(id), kMessageIdBytesMax));
}

// Takes the next "<...>" from the front of `raw`; empty when there is none.
std::string TakeBracketedId(std::string_view& raw) {
  while (true) {
    const size_t open = raw.find('<');
    const size_t close = open == std::string_view::npos ? open : raw.find('>', open);
    if (close == std::string_view::npos) {
      raw = {};
      return {};
    }
    std::string id = CleanId(raw.substr(open + 1, close - open - 1));
    raw.remove_prefix(close + 1);
    if (!id.empty()) {
      return id;
    }
  }
}

// Without brackets every word with an "@" is taken for an id.
std::string TakeBareId(std::string_view& raw) {
  while (!raw.empty()) {
    const auto begin = std::find_if_not(raw.begin(), raw.end(), IsSpaceOrControl);
    const auto end = std::find_if(begin, raw.end(), IsSpaceOrControl);
    const std::string_view word(raw.data() + (begin - raw.begin()),
                                static_cast<size_t>(end - begin));
    raw.remove_prefix(static_cast<size_t>(end - raw.begin()));
    if (word.find('@') != std::string_view::npos) {
      return CleanId(word);
    }
  }
  return {};
}

std::vector<std::string> ReferencesFrom(std::string_view raw) {
  std::vector<std::string> ids;
  const bool bracketed = raw.find('<') != std::string_view::npos;
  while (true) {
    std::string id = bracketed ? TakeBracketedId(raw) : TakeBareId(raw);
    if (id.empty()) {
      break;
    }
    ids.push_back(std::move(id));
  }
  if (ids.size() > kReferencesMax) {  // The first names the thread, the last the parents.
    const auto excess = static_cast<ptrdiff_t>(ids.size() - kReferencesMax);
    ids.erase(ids.begin() + 1, ids.begin() + 1 + excess);
  }
  return ids;
}

// Which field of ParsedMessage a header field goes to.
enum class Target : uint8_t {
  kMessageId,
  kInReplyTo,
  kReferences,
  kDate,
  kFrom,
  kTo,
  kCc,
  kBcc,
  kReplyTo,
  kSubject,
  kReceived,
  kNone
};
struct Name {
  std::string_view name;
  Target target;
};
constexpr std::array<Name, 11> kNames = {{{"message-id", Target::kMessageId},
                                          {"in-reply-to", Target::kInReplyTo},
                                          {"references", Target::kReferences},
                                          {"date", Target::kDate},
                                          {"from", Target::kFrom},
                                          {"to", Target::kTo},
                                          {"cc", Target::kCc},
                                          {"bcc", Target::kBcc},
                                          {"reply-to", Target::kReplyTo},
                                          {"subject", Target::kSubject},
                                          {"received", Target::kReceived}}};

Target TargetOf(std::string_view name) {
  const auto found = std::find_if(kNames.begin(), kNames.end(), [&](const Name& known) {
    return EqualsIgnoreCase(known.name, name);
  });
  return found == kNames.end() ? Target::kNone : found->target;
}

void FillIfEmpty(std::string_view raw, std::string& id) {
  if (id.empty()) {
    id = MessageIdFrom(raw);
  }
}

void FillIfEmpty(std::string_view raw, std::string_view hint, std::vector<Mailbox>& mailboxes) {
  if (mailboxes.empty()) {
    AppendMailboxes(raw, hint, mailboxes);
  }
}

// RFC 5322 section 3.6.7: the date stands behind the last semicolon.
std::optional<WallTime> ReceivedDate(std::string_view raw) {
  const size_t semicolon = raw.rfind(';');
  return semicolon == std::string_view::npos ? std::nullopt : ParseDate(raw.substr(semicolon + 1));
}

void FillField(Target target, std::string_view raw, std::string_view hint, ParsedMessage& message) {
  switch (target) {
    case Target::kMessageId:
      return FillIfEmpty(raw, message.message_id);
    case Target::kInReplyTo:
      return FillIfEmpty(raw, message.in_reply_to);
    case Target::kFrom:
      return FillIfEmpty(raw, hint, message.from);
    case Target::kReplyTo:
      return FillIfEmpty(raw, hint, message.reply_to);
    case Target::kTo:
      return AppendMailboxes(raw, hint, message.to);
    case Target::kCc:
      return AppendMailboxes(raw, hint, message.cc);
    case Target::kBcc:
      return AppendMailboxes(raw, hint, message.bcc);
    case Target::kReferences:
      message.references = message.references.empty() ? ReferencesFrom(raw) : message.references;
      return;
    case Target::kDate:
      message.date = message.date.has_value() ? message.date : ParseDate(raw);
      return;
    case Target::kSubject:
      if (message.subject.empty()) {
        message.subject = Utf8Prefix(DecodeUnstructured(raw, hint), kSubjectBytesMax);
      }
      return;
    case Target::kReceived:
      message.received = message.received.has_value() ? message.received : ReceivedDate(raw);
      return;
    case Target::kNone:
      return;
  }
}

}  // namespace

std::string MessageIdFrom(std::string_view raw) {
  std::string_view rest = raw;
  std::string id = TakeBracketedId(rest);
  if (id.empty()) {
    rest = raw;
    id = TakeBareId(rest);
  }
  if (id.empty()) {
    id = CleanId(raw);
  }
  return id;
}

void FillHeaders(const Structure& structure, ParsedMessage& message) {
  const Part& root = structure.parts().front();
  for (size_t i = 0; i < structure.FieldCount(root); ++i) {
    const Target target = TargetOf(structure.FieldName(root, i));
    if (target != Target::kNone) {
      FillField(target, structure.FieldValueAt(root, i), root.type.charset, message);
    }
  }
}

}  // namespace mailhaul::mime
