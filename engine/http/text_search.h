// What the endpoint asks a full text index: which messages have all the words of a text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "engine/http/cursor.h"

namespace mailhaul::http {

struct TextQuery {
  TenantId tenant;
  std::optional<MailboxId> mailbox;  // Of the tenant; absent: all of them.
  std::string text;                  // As the user wrote it: data, never syntax.
  // To the second: hits may lie outside by less than one.
  std::optional<WallTime> after;   // Inclusive.
  std::optional<WallTime> before;  // Exclusive.
  // Behind this message; its date may be cut to the second.
  std::optional<MessagePosition> behind;
  size_t limit = 100;  // 1 .. 1000
};

struct TextHits {
  // Newest first by the second of received_at, then greatest id first. The dates are cut to the
  // second. A message may have been deleted since it was indexed.
  std::vector<MessagePosition> items;
  bool more = false;
};

// Called on the read pool, from any of its threads.
class TextSearch {
 public:
  virtual ~TextSearch() = default;
  // kInvalidArgument, for people: no words in the text, too many, or too long. kBusy,
  // kResourceExhausted: not now, or not within its time.
  virtual Result<TextHits> Find(const TextQuery& query) = 0;
  // Every message that was stored by then can be found; absent: the index is still being built.
  virtual std::optional<WallTime> IndexedTo(TenantId tenant) = 0;
};

}  // namespace mailhaul::http
