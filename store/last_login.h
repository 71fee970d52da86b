// When a process that ended in order last logged in anywhere: kept, so that the next one, which may
// start at once, keeps the servers' limits of logins in a second. One small row of the control
// shard, apart from the mail.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

// Absent when it was never saved. Blocks on disk, like the next. kCorrupt when it cannot be what
// was saved.
Result<std::optional<WallTime>> ReadLastLogin(KeyValueStore& records);
// Durable when it returns. On the committer's thread only.
Status SaveLastLogin(KeyValueStore& records, WallTime at);

}  // namespace mailhaul::store
