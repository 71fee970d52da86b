// The rows beside a submission's own by which it is found. Private to the store.
#pragma once

#include <string>

#include "store/submission.h"

namespace mailhaul::store {

std::string DueValue(MailboxId mailbox, SubmissionStep::Kind kind);
std::string ListValue(const Submission& submission);
std::string ListKeyOf(const Submission& submission);

}  // namespace mailhaul::store
