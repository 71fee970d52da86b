#include <deque>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "connectors/imap/commands.h"
#include "connectors/imap/fetch_plan.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

constexpr size_t kMetaPipelineDepth = 2;
// Refusals without a single answer between them: then it is not about one message.
constexpr size_t kRefusalsInARowMax = 30;

class MetaFetch final {
 public:
  MetaFetch(Connection& connection, const UidSet& uids)
      : connection_(connection), uids_(uids), waiting_(SplitForMeta(uids)) {}

  net::Task<Result<std::vector<MessageMeta>>> Run();

 private:
  struct Command {
    std::string tag;
    UidSet uids;
  };

  net::Task<Status> Send();
  void OnFetch(const FetchEntry& fetch);
  Status OnTagged(const Response& done);
  Status OnRefusal(const Response& refusal, const UidSet& uids);
  UidSet Unanswered(const UidSet& uids) const;

  Connection& connection_;
  const UidSet& uids_;
  std::deque<UidSet> waiting_;
  std::deque<Command> in_flight_;
  std::vector<MessageMeta> metas_;
  std::unordered_map<Uid, size_t> positions_;  // In metas_.
  size_t refusals_in_a_row_ = 0;
};

net::Task<Status> MetaFetch::Send() {
  while (in_flight_.size() < kMetaPipelineDepth && !waiting_.empty()) {
    Command command;
    command.tag = connection_.NextTag();
    command.uids = std::move(waiting_.front());
    waiting_.pop_front();
    const EncodedCommand encoded =
        PlainCommand(command.tag, FetchText(command.uids, "(UID FLAGS INTERNALDATE RFC822.SIZE)"));
    in_flight_.push_back(std::move(command));
    CO_RETURN_IF_ERROR(connection_.Write(encoded.parts.front()));
  }
  co_return Status::Ok();
}

void MetaFetch::OnFetch(const FetchEntry& fetch) {
  if (fetch.uid == 0 || !uids_.Contains(fetch.uid)) {
    return;  // Unsolicited.
  }
  const auto [it, is_new] = positions_.try_emplace(fetch.uid, metas_.size());
  if (is_new) {
    metas_.emplace_back();
    metas_.back().uid = fetch.uid;
  }
  // Servers may spread the items of one message over several responses.
  MessageMeta& meta = metas_[it->second];
  if (fetch.flags) {
    meta.flags = *fetch.flags;
    meta.keywords = fetch.keywords;
  }
  if (fetch.internal_date) {
    meta.internal_date = *fetch.internal_date;
  }
  if (fetch.size) {
    meta.size = *fetch.size;
  }
  refusals_in_a_row_ = 0;
}

UidSet MetaFetch::Unanswered(const UidSet& uids) const {
  UidSet rest;
  for (const Uid uid : uids.ToVector()) {
    if (positions_.count(uid) == 0) {
      rest.Add(uid);
    }
  }
  return rest;
}

Status MetaFetch::OnRefusal(const Response& refusal, const UidSet& uids) {
  const Status why = ClassifyRefusal(refusal, "UID FETCH", Code::kServerRefused);
  if (why.code() == Code::kThrottled || ++refusals_in_a_row_ > kRefusalsInARowMax) {
    return why;
  }
  // One message that the server cannot read fails the whole command on some servers. Halve until
  // it is found; then let the fetch of its body decide what becomes of it.
  std::vector<Uid> rest = Unanswered(uids).ToVector();
  if (rest.size() == 1) {
    positions_.emplace(rest.front(), metas_.size());
    metas_.emplace_back();
    metas_.back().uid = rest.front();
    return {};
  }
  UidSet halves[2];
  for (size_t i = 0; i < rest.size(); ++i) {
    halves[i * 2 / rest.size()].Add(rest[i]);
  }
  for (UidSet& half : halves) {
    if (!half.empty()) {
      waiting_.push_front(std::move(half));
    }
  }
  return {};
}

Status MetaFetch::OnTagged(const Response& done) {
  for (auto it = in_flight_.begin(); it != in_flight_.end(); ++it) {
    if (it->tag == done.tag) {
      const UidSet uids = std::move(it->uids);
      in_flight_.erase(it);
      return done.condition == Condition::kOk ? Status::Ok() : OnRefusal(done, uids);
    }
  }
  return {Code::kProtocol,
          "the server answered a command that was never sent: " + EscapeForLog(done.tag, 20)};
}

net::Task<Result<std::vector<MessageMeta>>> MetaFetch::Run() {
  // A refusal that ends the fetch leaves no answer unread: the session goes on.
  Status refused;
  CO_RETURN_IF_ERROR(Send());
  while (!in_flight_.empty()) {
    CO_TRY(const ResponseParser::Event event, connection_.Next());
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(connection_.SkipBody());
      continue;
    }
    const Response& response = connection_.response();
    if (response.kind == ResponseKind::kFetch) {
      OnFetch(response.fetch);
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
  if (!refused.ok()) {
    co_return refused;
  }
  co_return std::move(metas_);
}

}  // namespace

net::Task<Result<std::vector<MessageMeta>>> FetchMetadata(Connection& connection,
                                                          const UidSet& uids) {
  MetaFetch fetch(connection, uids);
  co_return co_await fetch.Run();
}

}  // namespace mailhaul::imap
