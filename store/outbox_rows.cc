#include "store/outbox_rows.h"

#include "store/key_layout.h"

namespace mailhaul::store {

std::string DueValue(MailboxId mailbox, SubmissionStep::Kind kind) {
  std::string value;
  AppendU64(value, mailbox.value);
  value.push_back(static_cast<char>(kind));
  return value;
}

std::string ListValue(const Submission& submission) {
  std::string value;
  AppendU64(value, submission.mailbox.value);
  value.push_back(static_cast<char>(submission.state));
  return value;
}

std::string ListKeyOf(const Submission& submission) {
  return SubmissionDateKey(submission.mailbox.shard(), submission.tenant,
                           {.received = submission.created_at, .id = {submission.id.value}});
}

}  // namespace mailhaul::store
