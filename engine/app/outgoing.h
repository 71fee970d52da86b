// What HTTP asks of sending, with the engine's MIME composer and the configuration.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/random.h"
#include "engine/config/config.h"
#include "engine/http/outgoing.h"
#include "engine/send/sender.h"

namespace mailhaul::app {

class ConfiguredOutgoing final : public http::Outgoing {
 public:
  // All outlive it. `random` is thread-safe. No tenant is known at first.
  ConfiguredOutgoing(const store::MailStore& store, send::Sender& sender, Random& random)
      : store_(store), sender_(sender), random_(random) {}

  // Any thread: what holds of the tenant from now on.
  void SetTenant(std::shared_ptr<const config::TenantConfig> tenant);
  void RemoveTenant(const std::string& tenant);

  Result<store::NewSubmission> Compose(const std::string& tenant,
                                       const http::SubmissionDraft& draft,
                                       WallTime send_at) const override;
  std::chrono::milliseconds RetryFor(const std::string& tenant) const override;
  void Changed(const store::Submission& submission) override { sender_.Changed(submission); }

 private:
  const store::MailStore& store_;
  send::Sender& sender_;
  Random& random_;
  struct Tenant {
    std::shared_ptr<const config::TenantConfig> config;
    std::unordered_map<std::string_view, const config::MailboxConfig*> mailboxes;  // By id.
  };
  // Null: there is none. What it points to stays as long as it is held.
  std::shared_ptr<const Tenant> Find(const std::string& tenant) const;

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Tenant>> tenants_;  // Guarded by mutex_.
};

}  // namespace mailhaul::app
