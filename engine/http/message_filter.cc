#include "engine/http/message_filter.h"

#include <algorithm>
#include <charconv>

#include "base/ids.h"
#include "base/text.h"
#include "base/units.h"
#include "connectors/connector.h"

namespace mailhaul::http {
namespace {

Response Invalid(std::string_view name, std::string_view wanted) {
  return Problem(400, "invalid_parameter", std::string(name) + " must be " + std::string(wanted));
}

std::optional<Response> TakeTime(const Call& call, std::string_view name,
                                 std::optional<WallTime>* out) {
  const std::string* value = call.Parameter(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  const Result<WallTime> time = ParseRfc3339(*value);
  if (!time.ok()) {
    return Invalid(name, "an RFC 3339 time such as 2024-05-01T00:00:00Z (write + as %2B)");
  }
  *out = *time;
  return std::nullopt;
}

std::optional<Response> TakeBool(const Call& call, std::string_view name,
                                 std::optional<bool>* out) {
  const std::string* value = call.Parameter(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (*value != "true" && *value != "false") {
    return Invalid(name, "true or false");
  }
  *out = *value == "true";
  return std::nullopt;
}

std::optional<Response> TakeAddress(const Call& call, std::string_view name, std::string* out) {
  const std::string* value = call.Parameter(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  const size_t at = value->rfind('@');
  if (at == std::string::npos || at + 1 == value->size()) {
    return Invalid(name, "an address or @domain (write + as %2B)");
  }
  *out = AsciiLowered(*value);
  return std::nullopt;
}

std::optional<Response> TakeName(const Call& call, std::string_view name,
                                 std::optional<std::string>* out) {
  const std::string* value = call.Parameter(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->empty()) {
    return Invalid(name, "a name");
  }
  *out = *value;
  return std::nullopt;
}

std::optional<Response> TakeThread(const Call& call, std::optional<uint64_t>* out) {
  const std::string* value = call.Parameter("thread");
  if (value == nullptr) {
    return std::nullopt;
  }
  const Result<uint64_t> id = ParseId(*value);
  if (!id.ok()) {
    return Invalid("thread", "a thread_id: 16 hexadecimal digits");
  }
  *out = *id;
  return std::nullopt;
}

std::optional<Response> TakeSubject(const Call& call, std::vector<std::string>* out) {
  const std::string* value = call.Parameter("subject");
  if (value == nullptr) {
    return std::nullopt;
  }
  *out = SplitWords(*value);
  if (out->empty()) {
    return Invalid("subject", "one or more words");
  }
  return std::nullopt;
}

std::optional<Response> TakeTag(const Call& call, std::string* out) {
  const std::string* value = call.Parameter("tag");
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->empty()) {
    return Invalid("tag", "a tag");
  }
  *out = *value;
  return std::nullopt;
}

std::optional<Response> TakeText(const Call& call, std::string* out) {
  const std::string* value = call.Parameter("text");
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->empty()) {
    return Invalid("text", "one or more words");
  }
  *out = *value;
  return std::nullopt;
}

bool AddressMatches(const store::Address& address, std::string_view wanted) {
  if (wanted.front() == '@') {
    const size_t at = address.email.rfind('@');
    return at != std::string::npos &&
           EqualsIgnoreCase(std::string_view(address.email).substr(at), wanted);
  }
  return EqualsIgnoreCase(address.email, wanted);
}

bool AnyMatches(const std::vector<store::Address>& addresses, std::string_view wanted) {
  return std::any_of(addresses.begin(), addresses.end(), [&](const store::Address& address) {
    return AddressMatches(address, wanted);
  });
}

bool FlagMatches(const std::optional<bool>& wanted, bool value) {
  return !wanted.has_value() || *wanted == value;
}

bool IsWordByte(char c) {
  const char lower = AsciiLower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool HasAllWords(std::string_view text, const std::vector<std::string>& wanted) {
  const std::vector<std::string> words = SplitWords(text);
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  });
}

bool HasTag(const store::StoredMessage& message, std::string_view wanted) {
  const std::vector<std::string>& tags = message.shown_tags();
  return std::any_of(tags.begin(), tags.end(),
                     [&](const std::string& tag) { return EqualsIgnoreCase(tag, wanted); });
}

}  // namespace

bool MessageFilter::LooksAtRows() const {
  return unread.has_value() || flagged.has_value() || has_attachment.has_value() ||
         thread.has_value() || !tag.empty() || !from.empty() || !to.empty() ||
         !participant.empty() || !subject_words.empty() ||
         (folder.has_value() && !mailbox.has_value()) ||
         (!text.empty() && (folder.has_value() || after.has_value() || before.has_value()));
}

bool MessageFilter::Matches(const store::StoredMessage& message) const {
  const store::MessageContent& content = message.content;
  if (!FlagMatches(unread, (message.shown_flags() & kFlagSeen) == 0) ||
      !FlagMatches(flagged, (message.shown_flags() & kFlagFlagged) != 0) ||
      !FlagMatches(has_attachment, content.has_attachment)) {
    return false;
  }
  if (thread.has_value() && *thread != message.thread) {
    return false;
  }
  if (!tag.empty() && !HasTag(message, tag)) {
    return false;
  }
  if ((!from.empty() && !AnyMatches(content.from, from)) ||
      (!to.empty() && !AnyMatches(content.to, to))) {
    return false;
  }
  if (!participant.empty() && !AnyMatches(content.from, participant) &&
      !AnyMatches(content.to, participant) && !AnyMatches(content.cc, participant) &&
      !AnyMatches(content.bcc, participant)) {
    return false;
  }
  return subject_words.empty() || HasAllWords(content.subject, subject_words);
}

Parsed<size_t> ParseLimit(const Call& call) {
  const std::string* value = call.Parameter("limit");
  if (value == nullptr) {
    return kListLimitDefault;
  }
  size_t limit = 0;
  const char* end = value->data() + value->size();
  const auto [parsed, error] = std::from_chars(value->data(), end, limit);
  if (error != std::errc() || parsed != end || limit < 1 || limit > kListLimitMax) {
    return Invalid("limit", "a number from 1 to " + std::to_string(kListLimitMax));
  }
  return limit;
}

Parsed<MessageFilter> ParseMessageFilter(const Call& call) {
  MessageFilter filter;
  std::optional<Response> refusals[] = {
      TakeName(call, "mailbox", &filter.mailbox),
      TakeName(call, "folder", &filter.folder),
      TakeTime(call, "after", &filter.after),
      TakeTime(call, "before", &filter.before),
      TakeBool(call, "unread", &filter.unread),
      TakeBool(call, "flagged", &filter.flagged),
      TakeBool(call, "has_attachment", &filter.has_attachment),
      TakeAddress(call, "from", &filter.from),
      TakeAddress(call, "to", &filter.to),
      TakeAddress(call, "participant", &filter.participant),
      TakeThread(call, &filter.thread),
      TakeTag(call, &filter.tag),
      TakeSubject(call, &filter.subject_words),
      TakeText(call, &filter.text),
  };
  for (std::optional<Response>& refusal : refusals) {
    if (refusal.has_value()) {
      return std::move(*refusal);
    }
  }
  Parsed<size_t> limit = ParseLimit(call);
  if (std::holds_alternative<Response>(limit)) {
    return std::move(std::get<Response>(limit));
  }
  filter.limit = std::get<size_t>(limit);
  const std::string* cursor = call.Parameter("cursor");
  filter.cursor = cursor == nullptr ? "" : *cursor;
  return filter;
}

std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (IsWordByte(c)) {
      word.push_back(AsciiLower(c));
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) {
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace mailhaul::http
