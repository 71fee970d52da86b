// What a request for a list of messages asks for, and which messages match.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "engine/http/gate.h"
#include "engine/http/response.h"
#include "store/mail_store.h"

namespace mailhaul::http {

inline constexpr size_t kListLimitMax = 1000;
inline constexpr size_t kListLimitDefault = 100;

// Whose answer is a plain problem.
template <typename T>
using Parsed = std::variant<T, Response>;

struct MessageFilter {
  std::optional<std::string> mailbox;  // Narrows the index; the store answers it.
  std::optional<std::string> folder;   // The same when `mailbox` is set, else by name.
  std::optional<WallTime> after;       // Inclusive; the store answers it.
  std::optional<WallTime> before;      // Exclusive; the same.
  std::optional<bool> unread;
  std::optional<bool> flagged;
  std::optional<bool> has_attachment;
  std::optional<uint64_t> thread;
  std::string tag;                         // As shown; "" for any. ASCII case does not matter.
  std::string from;                        // Lower case: an address, or "@domain"; "" for any.
  std::string to;                          // The same.
  std::string participant;                 // From, To, Cc or Bcc.
  std::vector<std::string> subject_words;  // Lower case; all must occur.
  std::string text;                        // As sent; the text index answers it. "" for any.

  size_t limit = kListLimitDefault;
  std::string cursor;  // As sent; "" at the start.

  // Whether Matches() can be false.
  bool LooksAtRows() const;
  // Everything but mailbox, folder, after and before.
  bool Matches(const store::StoredMessage& message) const;
};

// 400 "invalid_parameter" for a malformed value.
Parsed<MessageFilter> ParseMessageFilter(const Call& call);

// The `limit` of any list: 1 .. kListLimitMax.
Parsed<size_t> ParseLimit(const Call& call);

// Words of letters, digits and non-ASCII bytes, ASCII lower-cased.
std::vector<std::string> SplitWords(std::string_view text);

}  // namespace mailhaul::http
