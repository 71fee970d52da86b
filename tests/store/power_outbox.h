// Submissions of one mailbox in a store that loses power, and what was promised of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/outbox.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {

class PowerOutbox final {
 public:
  // A step that may be called again until it succeeds. One at a time; this outlives it.
  std::function<Status(MailStore&)> NextStep(MailboxId mailbox, Random& random) {
    if (items_.empty() || random.Chance(1, 2)) {
      std::string body = "submission " + std::to_string(++last_);
      body.append(random.Chance(1, 3) ? 50'000 : 10, 'x');
      return [this, mailbox, body](MailStore& store) { return Accept(store, mailbox, body); };
    }
    Item& item = items_[random.Below(items_.size())];
    if (item.state == SubmissionState::kQueued) {
      item.next = random.Chance(1, 2) ? SubmissionState::kSent : SubmissionState::kCanceled;
      return [this, id = item.id](MailStore& store) { return End(store, id); };
    }
    item.forgetting = true;
    return [this, id = item.id](MailStore& store) { return Forget(store, id); };
  }

  // All that was acknowledged is there; of the step that was cut short, none or all of it.
  void Expect(MailStore& store) const {
    for (const Item& item : items_) {
      SCOPED_TRACE(item.body.substr(0, 20));
      const Result<Submission> read = Outbox(store).Get(item.id);
      if (item.forgetting && read.status().code() == Code::kNotFound) {
        continue;
      }
      ASSERT_TRUE(read.ok()) << read.status().ToString();
      EXPECT_TRUE(read->state == item.state || read->state == item.next)
          << ToString(read->state) << " instead of " << ToString(item.state);
      const Result<std::unique_ptr<ByteSource>> raw = Outbox(store).OpenRaw(*read);
      ASSERT_TRUE(raw.ok()) << raw.status().ToString();
      EXPECT_TRUE(ReadAll(**raw) == item.body);
    }
  }

 private:
  struct Item {
    SubmissionId id;
    std::string body;
    SubmissionState state = SubmissionState::kQueued;
    std::optional<SubmissionState> next;  // The current step leads there.
    bool forgetting = false;
  };

  Item& Find(SubmissionId id) {
    return *std::find_if(items_.begin(), items_.end(),
                         [id](const Item& item) { return item.id == id; });
  }

  Status Accept(MailStore& store, MailboxId mailbox, const std::string& body) {
    NewSubmission request;
    request.mailbox = mailbox;
    request.recipients = {"bob@else.example"};
    request.body = body;
    request.sha256 = ComputeSha256(body);
    request.message_id = "<1@acme.example>";
    request.deadline = At(1'000'000);
    request.idempotency_key = body.substr(0, 20);
    request.fingerprint = request.sha256;
    MH_ASSIGN_OR_RETURN(const AcceptedSubmission accepted, Outbox(store).Accept(request));
    items_.push_back({.id = accepted.submission.id, .body = body, .next = {}});
    return Status::Ok();
  }

  Status End(MailStore& store, SubmissionId id) {
    Item& item = Find(id);
    MH_ASSIGN_OR_RETURN(const Submission now, Outbox(store).Get(id));
    if (now.state != *item.next) {
      const bool sends = item.next == SubmissionState::kSent;
      MH_RETURN_IF_ERROR(Outbox(store).Update(id, sends ? Send : Withdraw).status());
    }
    item.state = *item.next;
    item.next.reset();
    return Status::Ok();
  }
  static Status Send(Submission& submission) {
    MH_RETURN_IF_ERROR(BeginAttempt(submission, At(1)));
    AttemptOutcome outcome;
    outcome.kind = AttemptOutcome::Kind::kSent;
    outcome.recipients = {
        {.recipient = 0, .accepted = true, .permanent = false, .code = 250, .text = "ok"}};
    return FinishAttempt(submission, outcome, At(2));
  }
  static Status Withdraw(Submission& submission) { return Cancel(submission, At(1)); }

  Status Forget(MailStore& store, SubmissionId id) {
    const Status forgotten = Outbox(store).Forget(id);
    if (!forgotten.ok() && forgotten.code() != Code::kNotFound) {
      return forgotten;
    }
    std::erase_if(items_, [id](const Item& item) { return item.id == id; });
    return Status::Ok();
  }

  std::vector<Item> items_;
  int last_ = 0;
};

}  // namespace mailhaul::store
