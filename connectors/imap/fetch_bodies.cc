#include <algorithm>
#include <deque>
#include <utility>

#include "base/text.h"
#include "connectors/imap/commands.h"
#include "connectors/imap/fetch_plan.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

enum class SlotState : uint8_t {
  kPending,
  kAgain,  // Its body passed by before we knew whose it was.
  kDone,   // Delivered or refused.
};

struct Slot {
  const MessageMeta* meta = nullptr;
  SlotState state = SlotState::kPending;
};

struct BodyCommand {
  std::string tag;
  std::vector<Slot> slots;  // By UID.

  Slot* Find(Uid uid) {
    const auto it = std::lower_bound(slots.begin(), slots.end(), uid,
                                     [](const Slot& slot, Uid u) { return slot.meta->uid < u; });
    return it != slots.end() && it->meta->uid == uid ? &*it : nullptr;
  }
};

// One FetchBodies() call. A FETCH response goes kBody (OnBody) and then kResponse (OnFetch), or
// kResponse alone; what is known between the two is in arrived_.
class BodyFetch final {
 public:
  BodyFetch(Connection& connection, const SessionOptions& options,
            std::span<const MessageMeta> messages, BodySink& sink)
      : connection_(connection),
        body_bytes_max_(options.body_bytes_max),
        set_bytes_max_(UidSetBytes(options.command_bytes_max)),
        sink_(sink),
        rest_(messages) {}

  net::Task<Status> Run();

 private:
  // What became of the literal of the response at hand.
  struct Arrived {
    Slot* open = nullptr;    // Streamed to the sink; EndBody() is due.
    bool buffered = false;   // In buffer_, until the UID is known.
    bool oversize = false;   // Drained, larger than we take.
    bool passed_by = false;  // Drained, too large to wait for its UID.
  };

  net::Task<Status> TopUp();
  net::Task<Status> Send(std::span<const MessageMeta> batch);
  net::Task<Status> OnBody();
  net::Task<Status> StreamToSink(Slot* slot);
  net::Task<Status> Collect();
  net::Task<Status> OnFetch();
  net::Task<Status> Deliver(Slot* slot, std::string_view body);
  Status OnTagged(const Response& done);
  void Settle(const BodyCommand& command, const Response& done, const Status& refusal);
  void Reject(Slot* slot, std::string why);

  Slot* Find(Uid uid);
  // The one message that a response without UID can be about, if there is but one.
  Slot* OnlyMessage();
  size_t Depth() const { return uid_comes_late_ ? 1 : kPipelineDepth; }

  Connection& connection_;
  const uint64_t body_bytes_max_;
  const size_t set_bytes_max_;
  BodySink& sink_;
  std::span<const MessageMeta> rest_;                 // Never asked for yet.
  std::deque<std::span<const MessageMeta>> retries_;  // One message each; memory is reserved.
  std::deque<BodyCommand> in_flight_;
  Arrived arrived_;
  std::string buffer_;
  bool uid_comes_late_ = false;  // This server sends BODY[] before UID: one command at a time.
};

Slot* BodyFetch::Find(Uid uid) {
  for (BodyCommand& command : in_flight_) {
    if (Slot* const slot = command.Find(uid)) {
      return slot;
    }
  }
  return nullptr;
}

Slot* BodyFetch::OnlyMessage() {
  const bool one = in_flight_.size() == 1 && in_flight_.front().slots.size() == 1;
  return one ? &in_flight_.front().slots.front() : nullptr;
}

net::Task<Status> BodyFetch::Run() {
  CO_RETURN_IF_ERROR(TopUp());
  while (!in_flight_.empty()) {
    CO_TRY(const ResponseParser::Event event, connection_.Next());
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(OnBody());
    } else if (connection_.response().kind == ResponseKind::kFetch) {
      CO_RETURN_IF_ERROR(OnFetch());
    } else if (connection_.response().kind == ResponseKind::kContinuation) {
      co_return UnexpectedContinuation();
    } else if (connection_.response().kind == ResponseKind::kTagged) {
      Status done = OnTagged(connection_.response());
      if (!done.ok()) {
        co_return done;
      }
      CO_RETURN_IF_ERROR(TopUp());
    }
  }
  co_return Status::Ok();
}

net::Task<Status> BodyFetch::TopUp() {
  while (in_flight_.size() < Depth()) {
    std::span<const MessageMeta> batch;
    if (!retries_.empty()) {
      batch = retries_.front();
      retries_.pop_front();
    } else if (!rest_.empty()) {
      batch = TakeBodyBatch(rest_, set_bytes_max_);
      if (in_flight_.empty()) {
        CO_RETURN_IF_ERROR(sink_.Reserve(batch));
      } else if (!sink_.TryReserve(batch)) {
        break;
      }
      rest_ = rest_.subspan(batch.size());
    } else {
      break;
    }
    CO_RETURN_IF_ERROR(Send(batch));
  }
  co_return Status::Ok();
}

net::Task<Status> BodyFetch::Send(std::span<const MessageMeta> batch) {
  BodyCommand command;
  command.tag = connection_.NextTag();
  UidSet uids;
  for (const MessageMeta& meta : batch) {
    uids.Add(meta.uid);
    command.slots.push_back(Slot{.meta = &meta});
  }
  std::sort(command.slots.begin(), command.slots.end(),
            [](const Slot& a, const Slot& b) { return a.meta->uid < b.meta->uid; });
  const EncodedCommand encoded = PlainCommand(command.tag, FetchText(uids, "(UID BODY.PEEK[])"));
  in_flight_.push_back(std::move(command));
  co_return co_await connection_.Write(encoded.parts.front());
}

net::Task<Status> BodyFetch::OnBody() {
  const Uid uid = connection_.response().fetch.uid;
  if (connection_.response().fetch.section != BodySection::kWhole) {
    co_return co_await connection_.SkipBody();
  }
  const uint64_t size = connection_.body_left();
  uid_comes_late_ = uid_comes_late_ || uid == 0;
  Slot* const slot = uid != 0 ? Find(uid) : OnlyMessage();
  const bool unwanted = slot == nullptr ? uid != 0 : slot->state == SlotState::kDone;
  if (unwanted) {
    co_return co_await connection_.SkipBody();
  }
  if (size > body_bytes_max_) {
    arrived_.oversize = true;
    co_return co_await connection_.SkipBody();
  }
  if (slot != nullptr) {
    co_return co_await StreamToSink(slot);
  }
  if (size > kBatchBytesMax) {
    arrived_.passed_by = true;
    co_return co_await connection_.SkipBody();
  }
  co_return co_await Collect();
}

net::Task<Status> BodyFetch::StreamToSink(Slot* slot) {
  CO_RETURN_IF_ERROR(sink_.BeginBody(*slot->meta, connection_.body_left()));
  while (connection_.body_left() > 0) {
    CO_TRY(const std::string_view chunk, connection_.ReadBody());
    CO_RETURN_IF_ERROR(sink_.AppendBody(chunk));
  }
  arrived_.open = slot;
  co_return Status::Ok();
}

net::Task<Status> BodyFetch::Collect() {
  buffer_.clear();
  while (connection_.body_left() > 0) {
    CO_TRY(const std::string_view chunk, connection_.ReadBody());
    buffer_ += chunk;
  }
  arrived_.buffered = true;
  co_return Status::Ok();
}

// The FETCH response is complete: now its UID is known, and only now a body counts as whole.
net::Task<Status> BodyFetch::OnFetch() {
  const FetchEntry& fetch = connection_.response().fetch;
  const Arrived arrived = std::exchange(arrived_, Arrived());
  if (arrived.open != nullptr) {
    if (fetch.uid != 0 && fetch.uid != arrived.open->meta->uid) {
      co_return Status(Code::kProtocol, "the server sent a message that was not asked for");
    }
    arrived.open->state = SlotState::kDone;
    co_return co_await sink_.EndBody();
  }
  if (fetch.body == BodyState::kAbsent || fetch.section != BodySection::kWhole) {
    connection_.NoteNews();  // Flags that changed.
    co_return Status::Ok();
  }
  Slot* const slot = fetch.uid != 0 ? Find(fetch.uid) : OnlyMessage();
  if (slot == nullptr || slot->state == SlotState::kDone) {
    co_return Status::Ok();  // Never asked for, or sent twice.
  }
  if (arrived.oversize || fetch.inline_body.size() > body_bytes_max_) {
    Reject(slot, "the message is larger than " + std::to_string(body_bytes_max_) + " bytes");
  } else if (arrived.passed_by || (fetch.body == BodyState::kStreamed && !arrived.buffered)) {
    slot->state = SlotState::kAgain;
  } else if (fetch.body == BodyState::kNil) {
    Reject(slot, "the server has no text for this message");
  } else {
    co_return co_await Deliver(slot, arrived.buffered ? buffer_ : fetch.inline_body);
  }
  co_return Status::Ok();
}

net::Task<Status> BodyFetch::Deliver(Slot* slot, std::string_view body) {
  slot->state = SlotState::kDone;
  CO_RETURN_IF_ERROR(sink_.BeginBody(*slot->meta, body.size()));
  if (!body.empty()) {
    CO_RETURN_IF_ERROR(sink_.AppendBody(body));
  }
  co_return co_await sink_.EndBody();
}

void BodyFetch::Reject(Slot* slot, std::string why) {
  slot->state = SlotState::kDone;
  sink_.NoBody(*slot->meta, Status(Code::kMessageRejected, std::move(why)));
}

Status BodyFetch::OnTagged(const Response& done) {
  const auto it = std::find_if(in_flight_.begin(), in_flight_.end(),
                               [&done](const auto& command) { return command.tag == done.tag; });
  if (it == in_flight_.end()) {
    return {Code::kProtocol,
            "the server answered a command that was never sent: " + EscapeForLog(done.tag, 20)};
  }
  Status refusal;
  if (done.condition != Condition::kOk) {
    refusal = ClassifyRefusal(done, "UID FETCH", Code::kMessageRejected);
    if (refusal.code() == Code::kThrottled || refusal.code() == Code::kAuthFailed) {
      return refusal;
    }
  }
  const BodyCommand command = std::move(*it);
  in_flight_.erase(it);
  Settle(command, done, refusal);
  return {};
}

void BodyFetch::Settle(const BodyCommand& command, const Response& done, const Status& refusal) {
  const bool completed = done.condition == Condition::kOk;
  for (const Slot& slot : command.slots) {
    if (slot.state == SlotState::kDone) {
      continue;
    }
    if (completed && slot.state == SlotState::kPending) {
      sink_.NoBody(*slot.meta, Status(Code::kNotFound, "the message is gone from the server"));
    } else if (!completed && command.slots.size() == 1) {
      sink_.NoBody(*slot.meta, Status(Code::kMessageRejected, refusal.message()));
    } else {
      // One bad message fails the command on some servers: ask for each alone.
      retries_.emplace_back(slot.meta, 1);
    }
  }
}

}  // namespace

net::Task<Status> FetchMessageBodies(Connection& connection, const SessionOptions& options,
                                     std::span<const MessageMeta> messages, BodySink& sink) {
  BodyFetch fetch(connection, options, messages, sink);
  co_return co_await fetch.Run();
}

}  // namespace mailhaul::imap
