// How far each webhook has read its tenant's change log. Small rows of the control shard, apart
// from the mail.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

// All rows: encoded ChangePositions by the webhook's name. Blocks on disk, like the next.
Result<std::map<std::string, std::string>> ReadWebhookPositions(KeyValueStore& records);
// `name` of 1 to 600 bytes. Durable when it returns. On the committer's thread only.
Status SaveWebhookPosition(KeyValueStore& records, const std::string& name, std::string position);

}  // namespace mailhaul::store
