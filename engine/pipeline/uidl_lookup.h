// The numbers of a POP3 mailbox's messages for a session that only looks: what the store has given
// out is found, and what is new gets numbers of this session alone, above all that the store has.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/work_pool.h"
#include "connectors/pop3/uidl_directory.h"
#include "store/mail_store.h"

namespace mailhaul::pipeline {

class UidlLookup final : public pop3::UidlDirectory {
 public:
  // No mailbox: the store does not know it, and everything is new. `store` and `reads` outlive it.
  UidlLookup(const store::MailStore& store, WorkPool& reads, std::optional<MailboxId> mailbox)
      : store_(store), reads_(reads), mailbox_(mailbox) {}

  net::Task<Result<std::vector<Uid>>> Assign(std::span<const pop3::UidlKey> keys) override;
  net::Task<Result<std::vector<Uid>>> Find(std::span<const pop3::UidlKey> keys) override;
  net::Task<Status> Bind(std::span<const pop3::UidlKey> keys, std::span<const Uid> uids) override;

 private:
  Result<std::vector<Uid>> Read(std::span<const pop3::UidlKey> keys) const;

  const store::MailStore& store_;
  WorkPool& reads_;
  const std::optional<MailboxId> mailbox_;
  std::map<pop3::UidlKey, Uid> new_;
  Uid next_new_ = UINT32_MAX;  // Downwards.
  Uid known_max_ = 0;
};

}  // namespace mailhaul::pipeline
