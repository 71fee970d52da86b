// Which mailbox belongs to whom, read from the control shard and checked on the way.
#pragma once

#include <unordered_map>

#include "base/ids.h"
#include "base/result.h"
#include "store/audit/audit.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

using Owners = std::unordered_map<MailboxId, TenantId>;

Result<Owners> AuditControlRows(KeyValueStore& records, AuditReport& report);

}  // namespace mailhaul::store
