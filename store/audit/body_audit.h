// The bodies in segment files, in the order in which they lie there.
#pragma once

#include "base/result.h"
#include "store/audit/audit.h"
#include "store/file_system.h"
#include "store/key_value_store.h"

namespace mailhaul::store {

Status AuditBodies(KeyValueStore& records, FileSystem& files, const AuditOptions& options,
                   AuditReport& report);

}  // namespace mailhaul::store
