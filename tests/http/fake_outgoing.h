// Makes a message of anything that has a subject.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "engine/http/outgoing.h"
#include "store/mail_store.h"

namespace mailhaul::http {

class FakeOutgoing final : public Outgoing {
 public:
  explicit FakeOutgoing(const store::MailStore& store) : store_(store) {}
  Result<store::NewSubmission> Compose(const std::string& tenant, const SubmissionDraft& draft,
                                       WallTime send_at) const override {
    last = draft;
    const std::optional<MailboxId> mailbox =
        store_.FindMailbox(store_.FindTenant(tenant).value(), draft.mailbox);
    if (!mailbox) {
      return Status(Code::kNotFound, "no such mailbox");
    }
    if (!draft.raw && draft.subject.empty()) {
      return Status(Code::kInvalidArgument, "subject: is missing");
    }
    store::NewSubmission request;
    request.mailbox = *mailbox;
    request.from = "alice@acme.example";
    for (const DraftAddress& to : draft.to) {
      request.recipients.push_back(to.email);
    }
    request.recipients.resize(std::max<size_t>(request.recipients.size(), 1), "x@y.example");
    request.body = draft.raw.value_or("Subject: " + draft.subject + "\r\n\r\n" + draft.text);
    request.sha256 = store::ComputeSha256(request.body);
    request.message_id = "<" + draft.subject + "@acme.example>";
    request.subject = draft.subject;
    request.deadline = send_at + std::chrono::hours(1);
    return request;
  }
  std::chrono::milliseconds RetryFor(const std::string& /*tenant*/) const override {
    return std::chrono::hours(1);
  }
  void Changed(const store::Submission& /*submission*/) override { ++changes; }

  mutable SubmissionDraft last;
  int changes = 0;

 private:
  const store::MailStore& store_;
};

}  // namespace mailhaul::http
