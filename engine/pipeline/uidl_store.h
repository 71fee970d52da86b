// The UidlDirectory of one POP3 mailbox: its INBOX's numbers in the store.
#pragma once

#include <span>
#include <vector>

#include "connectors/pop3/uidl_directory.h"
#include "engine/pipeline/context.h"

namespace mailhaul::pipeline {

// Belongs to the session's loop. `context` must outlive it.
class UidlStore final : public pop3::UidlDirectory {
 public:
  UidlStore(Context& context, MailboxId mailbox) : context_(context), mailbox_(mailbox) {}

  net::Task<Result<std::vector<Uid>>> Assign(std::span<const pop3::UidlKey> keys) override;
  net::Task<Result<std::vector<Uid>>> Find(std::span<const pop3::UidlKey> keys) override;
  net::Task<Status> Bind(std::span<const pop3::UidlKey> keys, std::span<const Uid> uids) override;

 private:
  // Committer's thread.
  Result<store::FolderId> Inbox() const;

  Context& context_;
  const MailboxId mailbox_;
};

}  // namespace mailhaul::pipeline
