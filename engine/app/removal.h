// Removing a mailbox or a tenant for good: `mailhaul remove`, and what a running server does for
// it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/config/config.h"
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
Status CheckNotConfigured(const config::Config& config, const RemovalTarget& target);
// From then on nobody finds it; MailStore::ContinueRemovals() does the rest. Returns what it was:
// "acme/alice: 12 messages, 34 KiB". kNotFound. Full text indexes of a tenant that is not
// configured are deleted, for nothing takes messages out of them; those of others follow the change
// log. The committer's thread only.
Result<std::string> BeginRemoval(const config::Config& config, store::MailStore& store,
                                 const RemovalTarget& target);
// Answers kRemoveQuestion; none: not such a question. Any thread but the committer's, for which it
// waits. `removed` is called, there, after each removal.
std::optional<std::string> AnswerRemoval(const config::Config& config, store::MailStore& store,
                                         pipeline::Committer& committer, std::string_view question,
                                         const std::function<void()>& removed);

}  // namespace mailhaul::app
