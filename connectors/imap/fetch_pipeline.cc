#include "connectors/imap/fetch_pipeline.h"

#include <deque>
#include <utility>

#include "base/text.h"
#include "connectors/imap/fetch_plan.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

class Pipeline final {
 public:
  Pipeline(Connection& connection, const UidSet& uids, const FetchPlan& plan, FetchHandler& handler)
      : connection_(connection),
        uids_(uids),
        plan_(plan),
        handler_(handler),
        waiting_(SplitUids(uids, plan.messages_max, plan.set_bytes_max)) {}

  net::Task<Status> Run();

 private:
  struct Command {
    std::string tag;
    UidSet uids;
  };

  net::Task<Status> Send();
  Status OnFetch(const FetchEntry& fetch);
  Status OnTagged(const Response& done);
  Status OnRefusal(const Response& refusal, const UidSet& uids);

  Connection& connection_;
  const UidSet& uids_;
  const FetchPlan& plan_;
  FetchHandler& handler_;
  std::deque<UidSet> waiting_;
  std::deque<Command> in_flight_;
  UidSet answered_;
  size_t refusals_in_a_row_ = 0;
};

net::Task<Status> Pipeline::Send() {
  while (in_flight_.size() < kMetaPipelineDepth && !waiting_.empty()) {
    Command command;
    command.tag = connection_.NextTag();
    command.uids = std::move(waiting_.front());
    waiting_.pop_front();
    std::string text = FetchText(command.uids, plan_.items);
    if (!plan_.modifier.empty()) {
      text += " " + plan_.modifier;
    }
    const EncodedCommand encoded = PlainCommand(command.tag, text);
    in_flight_.push_back(std::move(command));
    CO_RETURN_IF_ERROR(connection_.Write(encoded.parts.front()));
  }
  co_return Status::Ok();
}

Status Pipeline::OnFetch(const FetchEntry& fetch) {
  if (fetch.uid == 0 || !uids_.Contains(fetch.uid)) {
    connection_.NoteNews();
    return {};
  }
  answered_.Add(fetch.uid);
  refusals_in_a_row_ = 0;
  return handler_.OnFetch(fetch);
}

Status Pipeline::OnRefusal(const Response& refusal, const UidSet& uids) {
  const Status why = ClassifyRefusal(refusal, "UID FETCH", Code::kServerRefused);
  if (why.code() == Code::kThrottled || why.code() == Code::kAuthFailed ||
      ++refusals_in_a_row_ > kRefusalsInARowMax) {
    return why;
  }
  const UidSet rest = uids.Minus(answered_);
  const uint64_t count = rest.size();
  if (count == 1) {
    handler_.OnRefused(rest.min());
    return {};
  }
  if (count > 1) {
    UidSet upper = rest.Greatest(count / 2);
    waiting_.push_front(rest.Minus(upper));
    waiting_.push_front(std::move(upper));
  }
  return {};
}

Status Pipeline::OnTagged(const Response& done) {
  for (auto it = in_flight_.begin(); it != in_flight_.end(); ++it) {
    if (it->tag == done.tag) {
      const UidSet uids = std::move(it->uids);
      in_flight_.erase(it);
      if (done.condition != Condition::kOk) {
        return OnRefusal(done, uids);
      }
      refusals_in_a_row_ = 0;
      return {};
    }
  }
  return {Code::kProtocol,
          "the server answered a command that was never sent: " + EscapeForLog(done.tag, 20)};
}

net::Task<Status> Pipeline::Run() {
  // A refusal that ends the fetch leaves no answer unread: the session goes on.
  Status refused;
  CO_RETURN_IF_ERROR(Send());
  while (!in_flight_.empty()) {
    CO_TRY(const ResponseParser::Event event, connection_.Next());
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(handler_.OnBody(connection_));
      continue;
    }
    const Response& response = connection_.response();
    if (response.kind == ResponseKind::kFetch) {
      Status taken = OnFetch(response.fetch);
      if (!taken.ok()) {
        co_return taken;
      }
    } else if (response.kind == ResponseKind::kContinuation) {
      co_return UnexpectedContinuation();
    } else if (response.kind == ResponseKind::kTagged) {
      Status done = OnTagged(response);
      if (!done.ok() && done.code() != Code::kServerRefused && done.code() != Code::kNotFound) {
        co_return done;
      }
      if (!done.ok()) {
        refused = done;
        waiting_.clear();
      }
      CO_RETURN_IF_ERROR(Send());
    }
  }
  co_return refused;
}

}  // namespace

net::Task<Status> FetchAll(Connection& connection, const UidSet& uids, const FetchPlan& plan,
                           FetchHandler& handler) {
  Pipeline pipeline(connection, uids, plan, handler);
  co_return co_await pipeline.Run();
}

}  // namespace mailhaul::imap
