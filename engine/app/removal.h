// Removing a mailbox or a tenant for good: `mailhaul remove`, and what a running server does for
// it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/app/configured_tenants.h"
#include "engine/pipeline/committer.h"
#include "store/mail_store.h"

namespace mailhaul::app {

// For control.sock: followed by TENANT or TENANT/ID. Answered with "removed " and what, or with
// one of the others and why not.
inline constexpr std::string_view kRemoveQuestion = "remove ";
inline constexpr std::string_view kRemovedAnswer = "removed ";
inline constexpr std::string_view kNotStoredAnswer = "not stored: ";
inline constexpr std::string_view kNotRemovedAnswer = "error: ";

struct RemovalTarget {
  std::string tenant;
  std::optional<std::string> mailbox;  // Absent: the tenant with all its mailboxes.

  std::string ToString() const { return mailbox ? tenant + "/" + *mailbox : tenant; }
};

// Of "TENANT" or "TENANT/ID". kInvalidArgument.
Result<RemovalTarget> ParseRemovalTarget(std::string_view text);
// kInvalidArgument: the configuration still has it, so that it would come back at once.
Status CheckNotConfigured(const ConfiguredTenants& tenants, const RemovalTarget& target);

// What removing needs of the process. All of it outlives the committer's last operation.
struct RemovalContext {
  const ConfiguredTenants& tenants;
  store::MailStore& store;
  // Deletes the full text indexes of a tenant that is not configured, for nothing takes messages
  // out of them; those of others follow the change log.
  std::function<void(TenantId tenant, const std::vector<ShardId>& shards)> delete_text;
  // Whether a connection may still be out for it: then it cannot be removed yet. Any thread; null:
  // never.
  std::function<bool(const RemovalTarget& target)> is_in_use = nullptr;
  std::function<void()> removed = nullptr;  // Called after each removal; may be null.
};
// For `delete_text`, where nobody has them open.
std::function<void(TenantId, const std::vector<ShardId>&)> DeleteTextBelow(std::string data_dir);

// From then on nobody finds it; MailStore::ContinueRemovals() does the rest. Returns what it was:
// "acme/alice: 12 messages, 34 KiB". kNotFound; kInvalidArgument: it is configured; kBusy: it was
// until just now. The committer's thread only.
Result<std::string> BeginRemoval(const RemovalContext& context, const RemovalTarget& target);
// Answers kRemoveQuestion; none: not such a question. Any thread but the committer's, for which it
// waits.
std::optional<std::string> AnswerRemoval(const RemovalContext& context,
                                         pipeline::Committer& committer, std::string_view question);

}  // namespace mailhaul::app
