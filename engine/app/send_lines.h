// What sending needs of the program: which mailboxes can send, connections of the scheduler's
// pools, sessions with configured servers.
#pragma once

#include <unordered_map>

#include "base/random.h"
#include "engine/app/collector.h"
#include "engine/send/sender.h"

namespace mailhaul::app {

// Main loop, but for what the interfaces say.
class SendLines final : public send::Lines, public Errands {
 public:
  // After Collector::Prepare(), which it is told of. Everything outlives it.
  // `random` is used on every loop.
  SendLines(const config::Config& config, Collector& collector, pipeline::Context& context,
            net::Loop& main_loop, Random& random);

  send::Sender& sender() { return sender_; }

  const send::SendingMailbox* Find(MailboxId mailbox) const override;
  void WantSubmission(MailboxId mailbox) override;
  void WantFiling(MailboxId mailbox) override;
  net::Task<Result<std::unique_ptr<smtp::SmtpSession>>> OpenSubmission(
      MailboxId mailbox, const send::Lease& lease) override;
  net::Task<Result<std::unique_ptr<imap::SentFiling>>> OpenFiling(
      MailboxId mailbox, const send::Lease& lease) override;

  net::Task<Status> Submit(MailboxId mailbox, send::Lease lease) override;
  net::Task<Status> File(MailboxId mailbox, send::Lease lease) override;
  void MailboxChanged(const MailboxState& mailbox) override;
  void MailboxGone(const MailboxState& mailbox) override;

 private:
  const config::Config& config_;
  Collector& collector_;
  Random& random_;
  std::unordered_map<MailboxId, send::SendingMailbox> mailboxes_;
  send::Sender sender_;
};

// What may be sent from a mailbox, and how fast; none: it has no submission server.
std::optional<send::SendingMailbox> ToSendingMailbox(const config::TenantConfig& tenant,
                                                     const config::MailboxConfig& mailbox);

}  // namespace mailhaul::app
