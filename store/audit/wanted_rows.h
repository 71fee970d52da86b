// What follows from one placement: all rows by which it is found.
#pragma once

#include <vector>

#include "base/ids.h"
#include "store/audit/paging.h"
#include "store/records.h"

namespace mailhaul::store {

// Without the placement's own row and its content's, which one that was deleted does not have.
// `indexed`: the store has the indexes of threads, tags and folders.
std::vector<Row> WantedRows(TenantId tenant, MessageId id, const Placement& placement,
                            bool indexed);
// The message that an index row leads to; 0, which no message has, when it is not such a row.
MessageId MessageOfIndexRow(const Row& row);

}  // namespace mailhaul::store
