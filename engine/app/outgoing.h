// What HTTP asks of sending, with the engine's MIME composer and the configuration.
#pragma once

#include <map>

#include "base/random.h"
#include "engine/config/config.h"
#include "engine/http/outgoing.h"
#include "engine/send/sender.h"

namespace mailhaul::app {

class ConfiguredOutgoing final : public http::Outgoing {
 public:
  // All outlive it. `random` is thread-safe.
  ConfiguredOutgoing(const config::Config& config, const store::MailStore& store,
                     send::Sender& sender, Random& random);

  Result<store::NewSubmission> Compose(const std::string& tenant,
                                       const http::SubmissionDraft& draft,
                                       WallTime send_at) const override;
  std::chrono::milliseconds RetryFor(const std::string& tenant) const override;
  void Changed(const store::Submission& submission) override { sender_.Changed(submission); }

 private:
  const store::MailStore& store_;
  send::Sender& sender_;
  Random& random_;
  std::map<std::string, const config::TenantConfig*> tenants_;
  std::map<std::string, const config::MailboxConfig*> mailboxes_;  // By "tenant/id".
};

}  // namespace mailhaul::app
