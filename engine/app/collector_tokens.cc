// Refresh tokens that their server has replaced (RFC 6749 section 6): the one used last is kept,
// until the configured one changes.
#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "engine/app/collector.h"
#include "engine/pipeline/await_on.h"
#include "store/sealed_secrets.h"
#include "store/sha256.h"

namespace mailhaul::app {
namespace {

constexpr std::string_view kNamePrefix = "oauth2/";

// What is kept: the hash of the token that was configured, then the token that replaced it.
std::string HashOf(const Secret& token) {
  const store::Sha256 digest = store::ComputeSha256(token.Reveal());
  return std::string(digest.begin(), digest.end());
}

}  // namespace

Status Collector::RestoreTokens() {
  if (options_.records == nullptr || options_.secrets == nullptr) {
    return Status::Ok();
  }
  const auto restore = [this](std::string_view name, const Result<Secret>& kept) {
    const auto found = name.starts_with(kNamePrefix)
                           ? by_name_.find(name.substr(kNamePrefix.size()))
                           : by_name_.end();
    if (found == by_name_.end() || !found->second->config->source.oauth2.has_value()) {
      return;
    }
    if (!kept.ok()) {
      LogWarning("mailbox " + found->first +
                 ": the refresh token that its server gave last cannot "
                 "be read, so the configured one is used: " +
                 kept.status().ToString());
      return;
    }
    const std::string configured = HashOf(found->second->config->source.oauth2->refresh_token);
    const std::string_view text = kept->Reveal();
    if (text.starts_with(configured)) {
      found->second->memory->refresh_token = Secret(std::string(text.substr(configured.size())));
    }
  };
  return store::ReadSecrets(*options_.records, *options_.secrets, restore);
}

net::Task<void> Collector::KeepRefreshToken(const MailboxState* mailbox, Secret refresh_token) {
  if (options_.records == nullptr || options_.secrets == nullptr) {
    LogWarning("mailbox " + mailbox->FullName() +
               ": its server has replaced the refresh token, and without master_key the new one is "
               "lost when this process ends");
    co_return;
  }
  const std::string name = std::string(kNamePrefix) + mailbox->FullName();
  const std::string configured = HashOf(mailbox->config->source.oauth2->refresh_token);
  const std::function<Status()> save = [this, name, configured, moved = std::move(refresh_token)] {
    SystemRandom random;
    std::string text;
    text.reserve(configured.size() + moved.Reveal().size());  // Grown, it would leave copies.
    text.append(configured).append(moved.Reveal());
    const Secret kept(std::move(text));
    return store::SaveSecret(*options_.records, *options_.secrets, name, kept.Reveal(), random);
  };
  const Status saved = co_await pipeline::RunOn<Status>(context_.committer, save);
  if (!saved.ok()) {
    LogWarning("mailbox " + mailbox->FullName() +
               ": the refresh token that its server gave cannot be kept: " + saved.ToString());
  }
}

}  // namespace mailhaul::app
