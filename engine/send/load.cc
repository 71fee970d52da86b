#include "engine/send/load.h"

#include <memory>
#include <utility>

#include "engine/pipeline/await_on.h"

namespace mailhaul::send {

using store::Submission;

net::Task<Result<Submission>> WriteChange(pipeline::Context& context, SubmissionId id,
                                          Change change, const store::SentCopy* copy) {
  store::MailStore* const store = &context.store;
  const std::function<Result<Submission>()> work = [store, id, change, copy] {
    return store::Outbox(*store).Update(id, change, copy);
  };
  co_return co_await pipeline::RunOn(context.committer, work);
}

MemoryCredit::~MemoryCredit() {
  if (taken_) {
    budget_.Give(bytes_);
  }
}

net::Task<void> MemoryCredit::Take() {
  net::OneShot<bool> granted;
  net::OneShot<bool>* const target = &granted;
  net::Loop* const loop = net::Loop::Current();
  budget_.Take(bytes_, [target, loop] { loop->Post([target] { target->Set(true); }); });
  taken_ = co_await granted.Wait();
}

net::Task<Result<LoadedMessage>> LoadMessage(pipeline::Context& context,
                                             const Submission& submission) {
  store::MailStore* const store = &context.store;
  const std::function<Result<std::string>()> read = [store, &submission] {
    return ReadBody(store::Outbox(*store), submission);
  };
  CO_TRY(std::string bytes, pipeline::RunOn(context.reads, read));
  auto shared = std::make_shared<std::string>(std::move(bytes));
  const std::function<Result<LoadedMessage>()> examine = [shared, &submission] {
    return Result<LoadedMessage>(Examine(std::move(*shared), submission));
  };
  CO_TRY(LoadedMessage message, pipeline::RunOn(context.cpu, examine));
  const std::function<Status()> choose = [store, &submission, &message] {
    return ChooseSentFolder(*store, submission.mailbox, message.copy);
  };
  CO_RETURN_IF_ERROR(pipeline::RunOn(context.committer, choose));
  message.copy.date = context.clock.WallNow();
  co_return message;
}

}  // namespace mailhaul::send
