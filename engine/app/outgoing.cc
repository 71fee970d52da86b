#include "engine/app/outgoing.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "connectors/net/host_name.h"
#include "engine/mime/compose.h"
#include "engine/mime/prepare_raw.h"
#include "store/submission.h"

namespace mailhaul::app {
namespace {

std::vector<mime::Mailbox> ToMailboxes(const std::vector<http::DraftAddress>& addresses) {
  std::vector<mime::Mailbox> mailboxes;
  for (const http::DraftAddress& address : addresses) {
    mailboxes.push_back({.name = address.name, .email = address.email});
  }
  return mailboxes;
}

// Without brackets; at the domain of the sender, as readers and filters expect.
std::string NewMessageId(Random& random, const std::string& address) {
  std::array<unsigned char, 16> bytes;
  random.Fill(bytes);
  const std::string hex(HexEncode({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  const size_t at = address.rfind('@');
  const Result<std::string> host =
      net::CanonicalHost(at == std::string::npos ? "" : std::string_view(address).substr(at + 1));
  return hex + "@" + (host.ok() ? *host : "localhost");
}

mime::Draft ToDraft(const http::SubmissionDraft& draft, const config::MailboxConfig& mailbox) {
  mime::Draft out;
  const http::DraftAddress from =
      draft.from.value_or(http::DraftAddress{.name = "", .email = mailbox.address});
  out.from.push_back({.name = from.name, .email = from.email});
  out.to = ToMailboxes(draft.to);
  out.cc = ToMailboxes(draft.cc);
  out.bcc = ToMailboxes(draft.bcc);
  out.reply_to = ToMailboxes(draft.reply_to);
  out.subject = draft.subject;
  out.text = draft.text;
  out.html = draft.html;
  for (const http::DraftPart& part : draft.attachments) {
    out.attachments.push_back({.filename = part.filename,
                               .content_type = part.content_type,
                               .bytes = part.bytes,
                               .content_id = part.content_id});
  }
  out.in_reply_to = draft.in_reply_to;
  out.references = draft.references;
  for (const auto& [name, value] : draft.headers) {
    out.headers.push_back({.name = name, .value = value});
  }
  return out;
}

}  // namespace

void ConfiguredOutgoing::SetTenant(std::shared_ptr<const config::TenantConfig> tenant) {
  auto entry = std::make_shared<Tenant>();
  for (const config::MailboxConfig& mailbox : tenant->mailboxes) {
    entry->mailboxes.emplace(mailbox.id, &mailbox);
  }
  entry->config = std::move(tenant);
  const std::lock_guard lock(mutex_);
  std::string name = entry->config->name;
  tenants_.insert_or_assign(std::move(name), std::move(entry));
}

void ConfiguredOutgoing::RemoveTenant(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  tenants_.erase(tenant);
}

std::shared_ptr<const ConfiguredOutgoing::Tenant> ConfiguredOutgoing::Find(
    const std::string& tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  return found == tenants_.end() ? nullptr : found->second;
}

std::chrono::milliseconds ConfiguredOutgoing::RetryFor(const std::string& tenant) const {
  const std::shared_ptr<const Tenant> found = Find(tenant);
  return found == nullptr ? send::kRetryForDefault : found->config->send.retry_for;
}

Result<store::NewSubmission> ConfiguredOutgoing::Compose(const std::string& tenant,
                                                         const http::SubmissionDraft& draft,
                                                         WallTime send_at) const {
  if (draft.mailbox.empty()) {
    return Status(Code::kInvalidArgument, "mailbox: name the mailbox to send from");
  }
  const std::shared_ptr<const Tenant> known = Find(tenant);
  if (known == nullptr) {
    return Status(Code::kNotFound, "no such mailbox");
  }
  const auto found = known->mailboxes.find(draft.mailbox);
  const std::optional<TenantId> tenant_id = store_.FindTenant(tenant);
  const std::optional<MailboxId> id =
      tenant_id ? store_.FindMailbox(*tenant_id, draft.mailbox) : std::nullopt;
  if (found == known->mailboxes.end() || !id) {
    return Status(Code::kNotFound, "no such mailbox");
  }
  const config::MailboxConfig& mailbox = *found->second;
  if (!mailbox.submission.has_value() || mailbox.submission->host.empty()) {
    return Status(Code::kServerRefused, "the mailbox has no submission server");
  }
  const std::string from = draft.from ? draft.from->email : mailbox.address;
  Result<mime::OutgoingMessage> message = Status(Code::kInternal, "not composed");
  if (draft.raw) {
    mime::RawOptions options;
    options.message_id = NewMessageId(random_, from);
    options.date = send_at;
    options.allow_utf8_local_parts = true;
    message = mime::PrepareRaw(*draft.raw, options);
  } else {
    mime::Draft parts = ToDraft(draft, mailbox);
    parts.message_id = NewMessageId(random_, from);
    parts.date = send_at;
    parts.allow_utf8_local_parts = true;
    message = mime::Compose(parts, random_);
  }
  MH_RETURN_IF_ERROR(message.status());
  if (message->recipients.size() > store::kSubmissionRecipientsMax) {
    return Status(Code::kInvalidArgument, "to: more than " +
                                              std::to_string(store::kSubmissionRecipientsMax) +
                                              " recipients of one message");
  }
  store::NewSubmission request;
  request.mailbox = *id;
  request.from = message->from;
  request.recipients = std::move(message->recipients);
  request.body = std::move(message->bytes);
  request.sha256 = store::ComputeSha256(request.body);
  request.message_id = "<" + message->message_id + ">";
  request.subject = draft.raw ? std::string() : draft.subject;
  request.deadline = send_at + RetryFor(tenant);
  return request;
}

}  // namespace mailhaul::app
