// Messages for stores of a million of them: rows of usual size, and small bodies.
#pragma once

#include <memory>

#include "store/mail_store.h"

namespace mailhaul::store {

// Messages `first` to `first + count` of a folder, the UIDs from 1 on and a second apart from 2001
// on: each with a body of its own of `body_bytes`.
std::unique_ptr<IngestBatch> ManyMessages(MailboxId mailbox, FolderId folder, size_t first,
                                          size_t count, size_t body_bytes);

}  // namespace mailhaul::store
