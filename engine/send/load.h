// What attempts and filing share: changing a submission, and its message in memory.
#pragma once

#include <functional>

#include "connectors/net/task.h"
#include "engine/pipeline/context.h"
#include "engine/send/sent_copy.h"

namespace mailhaul::send {

using Change = std::function<Status(store::Submission&)>;

// Outbox::Update() on the committer. `copy` may be null; it must live until done.
net::Task<Result<store::Submission>> WriteChange(pipeline::Context& context, SubmissionId id,
                                                 Change change, const store::SentCopy* copy);

// The memory of one message, drawn from the process's budget while it lives.
class MemoryCredit final {
 public:
  MemoryCredit(MemoryBudget& budget, size_t bytes) : budget_(budget), bytes_(bytes) {}
  ~MemoryCredit();
  MemoryCredit(const MemoryCredit&) = delete;
  MemoryCredit& operator=(const MemoryCredit&) = delete;
  net::Task<void> Take();

 private:
  MemoryBudget& budget_;
  const size_t bytes_;
  bool taken_ = false;
};

// Under a credit of the message's size. `submission` must live until done.
net::Task<Result<LoadedMessage>> LoadMessage(pipeline::Context& context,
                                             const store::Submission& submission);

}  // namespace mailhaul::send
