// Refresh tokens that their server has replaced (RFC 6749 section 6): the one used last is kept,
// until the configured one changes.
#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "engine/app/collector.h"
#include "engine/app/refresh_tokens.h"
#include "engine/pipeline/await_on.h"
#include "store/sealed_secrets.h"

namespace mailhaul::app {

const config::OAuth2* Collector::GrantOf(const MailboxState& mailbox, Grant grant) {
  const config::MailboxConfig& configured = *mailbox.config;
  const std::optional<config::OAuth2>* const found =
      grant == Grant::kSource ? &configured.source.oauth2
      : configured.submission ? &configured.submission->oauth2
                              : nullptr;
  return found == nullptr || !found->has_value() ? nullptr : &**found;
}

void Collector::RestoreToken(std::string_view name, const Result<Secret>& kept,
                             const std::set<const MailboxState*>* only) {
  const Grant grant =
      name.starts_with(store::kSubmissionTokenPrefix) ? Grant::kSubmission : Grant::kSource;
  const std::string_view prefix =
      grant == Grant::kSource ? store::kSourceTokenPrefix : store::kSubmissionTokenPrefix;
  const auto found =
      name.starts_with(prefix) ? by_name_.find(name.substr(prefix.size())) : by_name_.end();
  const config::OAuth2* const configured =
      found == by_name_.end() ? nullptr : GrantOf(*found->second, grant);
  if (configured == nullptr || (only != nullptr && !only->contains(found->second))) {
    return;
  }
  if (!kept.ok()) {
    LogWarning("mailbox " + found->first +
               ": the refresh token that its server gave last cannot be read, so the configured "
               "one is used: " +
               kept.status().ToString());
    return;
  }
  const std::string hash = HashOfToken(configured->refresh_token);
  const std::string_view text = kept->Reveal();
  if (text.starts_with(hash)) {
    MailboxState& mailbox = *found->second;
    SourceMemory& memory = grant == Grant::kSource ? *mailbox.memory : *mailbox.submission_memory;
    memory.refresh_token = Secret(std::string(text.substr(hash.size())));
  }
}

Status Collector::ReadTokens(
    std::string_view tenant,
    const std::function<void(std::string_view, const Result<Secret>&)>& each) const {
  if (options_.records == nullptr || options_.secrets == nullptr) {
    return Status::Ok();
  }
  for (const std::string_view prefix : {store::kSourceTokenPrefix, store::kSubmissionTokenPrefix}) {
    std::string names(prefix);
    if (!tenant.empty()) {
      names.append(tenant).append("/");
    }
    MH_RETURN_IF_ERROR(store::ReadSecrets(*options_.records, *options_.secrets, names, each));
  }
  return Status::Ok();
}

Status Collector::RestoreTokens() {
  return ReadTokens("", [this](std::string_view name, const Result<Secret>& kept) {
    RestoreToken(name, kept, nullptr);
  });
}

net::Task<void> Collector::KeepRefreshToken(const MailboxState* mailbox, Grant grant,
                                            Secret refresh_token) {
  if (options_.records == nullptr || options_.secrets == nullptr) {
    LogWarning("mailbox " + mailbox->FullName() +
               ": its server has replaced the refresh token, and without master_key the new one is "
               "lost when this process ends");
    co_return;
  }
  const std::string_view prefix =
      grant == Grant::kSource ? store::kSourceTokenPrefix : store::kSubmissionTokenPrefix;
  const std::string name = std::string(prefix) + mailbox->FullName();
  const Secret kept = KeptToken(GrantOf(*mailbox, grant)->refresh_token, refresh_token);
  const std::function<Status()> save = [this, name, kept] {
    SystemRandom random;
    return store::SaveSecret(*options_.records, *options_.secrets, name, kept.Reveal(), random);
  };
  const Status saved = co_await pipeline::RunOn<Status>(context_.committer, save);
  if (!saved.ok()) {
    LogWarning("mailbox " + mailbox->FullName() +
               ": the refresh token that its server gave cannot be kept: " + saved.ToString());
  }
}

}  // namespace mailhaul::app
