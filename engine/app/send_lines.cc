#include "engine/app/send_lines.h"

#include <utility>

#include "engine/app/server_access.h"

namespace mailhaul::app {
namespace {

// One grant for both servers: a server that replaces refresh tokens must be asked in one place.
bool SharesGrant(const config::MailboxConfig& mailbox) {
  const auto& source = mailbox.source.oauth2;
  const auto& submission = mailbox.submission->oauth2;
  return source.has_value() && submission.has_value() &&
         source->refresh_token.EqualsInConstantTime(submission->refresh_token.Reveal());
}

}  // namespace

std::optional<send::SendingMailbox> ToSendingMailbox(const config::TenantConfig& tenant,
                                                     const config::MailboxConfig& mailbox) {
  if (!mailbox.submission.has_value() || mailbox.submission->host.empty()) {
    return std::nullopt;
  }
  const config::ProviderProfile* const profile = mailbox.profile.get();
  send::SendingMailbox sending;
  sending.per_minute = tenant.send.per_mailbox_per_minute.value_or(
      profile == nullptr ? 0 : profile->send.messages_per_minute.value_or(0));
  sending.tenant_per_minute = tenant.send.per_tenant_per_minute;
  sending.retry_for = tenant.send.retry_for;
  sending.has_sent_folder = mailbox.source.protocol == config::Protocol::kImap;
  sending.files_copy = sending.has_sent_folder && (profile == nullptr || !profile->files_sent);
  sending.creates_folder = profile != nullptr && profile->creates_sent;
  return sending;
}

SendLines::SendLines(const config::Config& config, Collector& collector, pipeline::Context& context,
                     net::Loop& main_loop, Random& random)
    : config_(config),
      collector_(collector),
      random_(random),
      sender_(context, main_loop, *this, random_) {
  for (const auto& state : collector.mailboxes()) {
    MailboxChanged(*state);
  }
  collector.SetErrands(this);
}

void SendLines::MailboxChanged(const MailboxState& mailbox) {
  std::optional<send::SendingMailbox> sending = ToSendingMailbox(*mailbox.tenant, *mailbox.config);
  if (!sending.has_value()) {
    MailboxGone(mailbox);
    return;
  }
  sending->id = mailbox.id;
  sending->tenant = mailbox.tenant_id;
  mailboxes_.insert_or_assign(mailbox.id, *sending);
  sender_.Look();  // What waits for it in the outbox may be due.
}

void SendLines::MailboxGone(const MailboxState& mailbox) {
  if (mailboxes_.erase(mailbox.id) > 0) {
    sender_.Forget(mailbox.id);
  }
}

const send::SendingMailbox* SendLines::Find(MailboxId mailbox) const {
  const auto found = mailboxes_.find(mailbox);
  // What waits is for those servers and credentials that come, not for those that go.
  return found == mailboxes_.end() || collector_.IsEnding(mailbox) ? nullptr : &found->second;
}

void SendLines::WantSubmission(MailboxId mailbox) { collector_.WantSubmission(mailbox); }

void SendLines::WantFiling(MailboxId mailbox) { collector_.WantFiling(mailbox); }

net::Task<Result<std::unique_ptr<smtp::SmtpSession>>> SendLines::OpenSubmission(
    MailboxId /*mailbox*/, const send::Lease& lease) {
  const auto* const state = static_cast<const MailboxState*>(lease.account);
  const config::Server& server = *state->config->submission;
  SourceMemory& memory = SharesGrant(*state->config) ? *state->memory : *state->submission_memory;
  Credentials credentials = ToCredentials(server);
  Secret token;
  if (server.oauth2.has_value()) {
    CO_TRY(token, AccessToken(server, memory, lease.http));
    credentials.access_token = token;
  }
  smtp::SessionOptions options;
  Result<std::unique_ptr<smtp::SmtpSession>> opened =
      co_await smtp::OpenSmtpSession(*lease.dialer, ToServerAddress(server), std::move(credentials),
                                     lease.egress, random_, std::move(options));
  if (server.oauth2.has_value()) {
    if (!opened.ok()) {
      co_return JudgeRefusal(memory, token, opened.status());
    }
    memory.token_sent = token;
  }
  co_return opened;
}

net::Task<Result<std::unique_ptr<imap::SentFiling>>> SendLines::OpenFiling(
    MailboxId /*mailbox*/, const send::Lease& lease) {
  const auto* const state = static_cast<const MailboxState*>(lease.account);
  const config::Server& server = state->config->source;
  SourceMemory& memory = *state->memory;
  if (server.host.empty()) {
    co_return state->config->undiscovered;
  }
  imap::SessionOptions options;
  options.command_timeout = config_.network.idle_timeout;
  if (const config::ProviderProfile* profile = state->config->profile.get()) {
    options.broken = profile->broken;
    options.id_before_select = profile->id_before_select;
    if (profile->command_bytes_max != 0) {
      options.command_bytes_max = profile->command_bytes_max;
    }
  }
  Credentials credentials = ToCredentials(server);
  Secret token;
  if (server.oauth2.has_value()) {
    CO_TRY(token, AccessToken(server, memory, lease.http));
    credentials.access_token = token;
  }
  Result<std::unique_ptr<imap::SentFiling>> opened =
      co_await imap::OpenSentFiling(*lease.dialer, ToServerAddress(server), std::move(credentials),
                                    lease.egress, std::move(options));
  if (server.oauth2.has_value()) {
    if (!opened.ok()) {
      co_return JudgeRefusal(memory, token, opened.status());
    }
    memory.token_sent = token;
  }
  co_return opened;
}

net::Task<Status> SendLines::Submit(MailboxId mailbox, send::Lease lease) {
  co_return co_await sender_.RunSubmissions(mailbox, lease);
}

net::Task<Status> SendLines::File(MailboxId mailbox, send::Lease lease) {
  co_return co_await sender_.RunFiling(mailbox, lease);
}

}  // namespace mailhaul::app
