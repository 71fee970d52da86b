// The mailboxes that tenants have added while the server ran, as they stand in the store.
//
// Each is one sealed row, so it is there as a whole or not at all; one that is being removed is
// marked first, so that a process that ends in the middle is gone on with by the next.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/config/config.h"
#include "store/key_value_store.h"
#include "store/mail_store.h"
#include "store/secret_box.h"

namespace mailhaul::app {

inline constexpr size_t kAddedMailboxesMax = 10'000;  // Of one tenant.

struct AddedMailboxes {
  using OfTenant = std::map<std::string, config::MailboxConfig>;  // By id.
  std::map<std::string, OfTenant> by_tenant;
  std::vector<std::pair<std::string, std::string>> removed;  // Tenant and id: marked.
};

// What the row of a mailbox is called (sealed_secrets.h).
std::string NameOfAdded(const std::string& tenant, const std::string& id);
// What it holds while the mailbox is being removed.
std::string RemovedMark();

// All that are stored. Those that cannot be read are told of in the log and left where they are;
// `secrets` may be null: then all of them. Blocks on disk.
Result<AddedMailboxes> ReadAddedMailboxes(store::KeyValueStore& records,
                                          const store::SecretBox* secrets,
                                          const config::Providers& providers);
// `tenant` with those of its mailboxes whose ids it has not: what stands in a file goes first, and
// the log tells of it. Nothing to add: false, and it stays as it is.
bool Extend(const AddedMailboxes& added, config::TenantConfig& tenant);
// The same of all tenants of `config`; what else is stored waits for its tenant to come back.
void Extend(const AddedMailboxes& added, config::Config& config);
// Ends the removals that were interrupted, but for what `config` has in a file by now. Before
// anything else uses the store; the rest of each is ContinueRemovals()'. Those that fail stay in
// `added.removed`, and the log tells of them: a full disk must not keep the others from being
// collected.
void EndRemovals(AddedMailboxes& added, const config::Config& config, store::KeyValueStore& records,
                 store::MailStore& mail);
// All of it at the start of what writes the store: reads, ends removals, extends `config`.
Result<AddedMailboxes> TakeAddedMailboxes(config::Config& config, const store::SecretBox* secrets,
                                          store::KeyValueStore& records, store::MailStore& mail);

}  // namespace mailhaul::app
