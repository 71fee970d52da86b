// Finds stored messages again under new UIDs, after a move or a new UIDVALIDITY, by their header
// and size: without downloading their bodies. What is not found, or not for certain, is fetched and
// compared by content (MailStore::Append).
#pragma once

#include <cstdint>

#include "connectors/connector.h"
#include "engine/pipeline/context.h"

namespace mailhaul::pipeline {

class Relinker final {
 public:
  Relinker(Context& context, SourceSession& session, MailboxId mailbox)
      : context_(context), session_(session), mailbox_(mailbox) {}

  // Those of `uids`, of the open folder, that are accounted for now. A source that gives no headers
  // alone has none. At most some thousand UIDs: their metadata is held at once.
  net::Task<Result<UidSet>> Relink(store::FolderId folder, uint32_t uid_validity,
                                   const UidSet& uids);

 private:
  Context& context_;
  SourceSession& session_;
  const MailboxId mailbox_;
};

}  // namespace mailhaul::pipeline
