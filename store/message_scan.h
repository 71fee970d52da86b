// Which index answers a query of messages, and the positions that it gives. Private to the store.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "store/key_layout.h"
#include "store/key_value_store.h"
#include "store/mail_store.h"
#include "store/mailbox_table.h"

namespace mailhaul::store {

struct FoundPositions {
  std::vector<DatePosition> positions;  // As they are listed; at most as many as were wanted.
  // Set when query.skip_max rows were passed over: all that is wanted up to here was found.
  std::optional<DatePosition> stopped;
  size_t skipped = 0;  // Rows passed over.
};

// The first `count` positions that the query asks for. `indexed`: the store has the indexes of
// threads, tags and folders; without them folders are looked for by the mailbox's dates.
Result<FoundPositions> FindPositions(KeyValueStore& records, const MailboxTable& table,
                                     const MessageQuery& query, size_t count, bool indexed);

}  // namespace mailhaul::store
