#include "connectors/net/memory_stream.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "connectors/net/deadline_timer.h"

namespace mailhaul::net {
namespace {

enum class End : uint8_t { kOpen, kEnded, kBroken };

class MemoryStream;

// What flows one way. Chunks and the end arrive in order, `latency` after they were sent.
struct Direction {
  std::string arrived;
  size_t taken = 0;                // Of `arrived`.
  size_t in_flight = 0;            // Sent, not yet arrived.
  size_t sent = 0;                 // In all.
  size_t cut_after = SIZE_MAX;     // See MemoryStreamOptions.
  End end_sent = End::kOpen;       // Nothing may be sent any more.
  End end_arrived = End::kOpen;    // Nothing more will arrive.
  MemoryStream* reader = nullptr;  // Null once destroyed.
  MemoryStream* writer = nullptr;

  size_t readable() const { return arrived.size() - taken; }
};

struct Pipe {
  Pipe(Loop& owner, const MemoryStreamOptions& wanted) : loop(owner), options(wanted) {}
  Loop& loop;
  const MemoryStreamOptions options;
  std::array<Direction, 2> directions;  // Forward, back.
};

class MemoryStream final : public Stream {
 public:
  MemoryStream(std::shared_ptr<Pipe> pipe, size_t out, std::string peer_name)
      : pipe_(std::move(pipe)),
        out_(out),
        peer_name_(std::move(peer_name)),
        deadline_(pipe_->loop,
                  [this] { Fail(Status(Code::kTimeout, peer_name_ + ": no answer in time")); }) {
    outgoing().writer = this;
    incoming().reader = this;
  }
  ~MemoryStream() override {
    MH_CHECK(!readable_.waiting() && !writable_.waiting());
    SendEnd(End::kEnded);
    StopReading();
    outgoing().writer = nullptr;
  }

  Task<Result<size_t>> Read(std::span<char> out) override;
  Task<Status> Write(std::string_view bytes) override;
  void SetDeadline(TimePoint deadline) override { deadline_.Set(deadline); }
  void Abort() override { Fail(Status(Code::kCancelled, peer_name_ + ": aborted")); }
  Task<void> Close() override;
  bool secure() const override { return pipe_->options.secure; }
  std::string peer_name() const override { return peer_name_; }

  void WakeReader() {
    if (readable_.waiting()) {
      readable_.Set(true);
    }
  }
  void WakeWriter() {
    if (writable_.waiting()) {
      writable_.Set(true);
    }
  }

 private:
  Direction& outgoing() { return pipe_->directions[out_]; }
  Direction& incoming() { return pipe_->directions[1 - out_]; }
  Status CheckUsable();
  void Fail(Status status);
  // Sends as much of `bytes` as fits and returns how much that was.
  size_t SendSome(std::string_view bytes);
  size_t TakeSome(std::span<char> out);
  void SendEnd(End end);
  // What the peer still sends has nobody to read it: its writes break.
  void StopReading();
  void Deliver(std::function<void()> arrive);
  Status Broken() const { return {Code::kUnreachable, peer_name_ + ": the connection broke"}; }

  const std::shared_ptr<Pipe> pipe_;
  const size_t out_;  // Index of the direction this end writes.
  const std::string peer_name_;
  DeadlineTimer deadline_;
  Status failure_;
  OneShot<bool> readable_;
  OneShot<bool> writable_;
};

Status MemoryStream::CheckUsable() {
  if (failure_.ok() && deadline_.HasPassed()) {
    Fail(Status(Code::kTimeout, peer_name_ + ": no answer in time"));
  }
  return failure_;
}

void MemoryStream::Fail(Status status) {
  if (failure_.ok()) {
    failure_ = std::move(status);
    SendEnd(End::kBroken);
    StopReading();
  }
  WakeReader();
  WakeWriter();
}

void MemoryStream::StopReading() {
  incoming().reader = nullptr;
  if (incoming().writer != nullptr) {
    incoming().writer->WakeWriter();
  }
}

void MemoryStream::Deliver(std::function<void()> arrive) {
  if (pipe_->options.latency == Duration::zero()) {
    arrive();
  } else {
    pipe_->loop.AddTimer(pipe_->loop.Now() + pipe_->options.latency, std::move(arrive));
  }
}

void MemoryStream::SendEnd(End end) {
  Direction& way = outgoing();
  if (way.end_sent != End::kOpen) {
    return;
  }
  way.end_sent = end;
  Deliver([pipe = pipe_, index = out_, end] {
    Direction& direction = pipe->directions[index];
    direction.end_arrived = end;
    if (direction.reader != nullptr) {
      direction.reader->WakeReader();
      direction.reader->WakeWriter();  // A broken way in breaks the way out.
    }
  });
}

size_t MemoryStream::SendSome(std::string_view bytes) {
  Direction& way = outgoing();
  const size_t held = way.readable() + way.in_flight;
  const size_t room =
      pipe_->options.buffer_bytes_max - std::min(held, pipe_->options.buffer_bytes_max);
  const size_t count = std::min({bytes.size(), room, way.cut_after - way.sent});
  if (count == 0) {
    return 0;
  }
  way.in_flight += count;
  way.sent += count;
  Deliver([pipe = pipe_, index = out_, chunk = std::string(bytes.substr(0, count))] {
    Direction& direction = pipe->directions[index];
    direction.in_flight -= chunk.size();
    direction.arrived += chunk;
    if (direction.reader != nullptr) {
      direction.reader->WakeReader();
    }
  });
  return count;
}

size_t MemoryStream::TakeSome(std::span<char> out) {
  Direction& way = incoming();
  const size_t count = std::min({out.size(), way.readable(), pipe_->options.read_bytes_max});
  std::memcpy(out.data(), way.arrived.data() + way.taken, count);
  way.taken += count;
  if (way.taken == way.arrived.size()) {
    way.arrived.clear();
    way.taken = 0;
  } else if (way.taken > pipe_->options.buffer_bytes_max) {
    way.arrived.erase(0, way.taken);
    way.taken = 0;
  }
  if (way.writer != nullptr) {
    way.writer->WakeWriter();
  }
  return count;
}

Task<Result<size_t>> MemoryStream::Read(std::span<char> out) {
  MH_CHECK(!out.empty());
  while (true) {
    const Status usable = CheckUsable();
    if (!usable.ok()) {
      co_return usable;
    }
    if (incoming().readable() > 0) {
      co_return TakeSome(out);
    }
    if (incoming().end_arrived == End::kEnded) {
      co_return size_t{0};
    }
    if (incoming().end_arrived == End::kBroken) {
      co_return Broken();
    }
    deadline_.Watch();
    const bool woken = co_await readable_.Wait();
    static_cast<void>(woken);
    if (!writable_.waiting()) {
      deadline_.Unwatch();
    }
  }
}

Task<Status> MemoryStream::Write(std::string_view bytes) {
  while (true) {
    const Status usable = CheckUsable();
    if (!usable.ok()) {
      co_return usable;
    }
    if (outgoing().end_sent != End::kOpen || outgoing().reader == nullptr ||
        incoming().end_arrived == End::kBroken) {
      co_return Broken();
    }
    bytes.remove_prefix(SendSome(bytes));
    if (outgoing().sent >= outgoing().cut_after) {
      // The cut breaks the way back too; a write that ends exactly there has still been handed on.
      SendEnd(End::kBroken);
      MemoryStream* const peer = outgoing().reader;
      if (peer != nullptr) {
        peer->SendEnd(End::kBroken);
        peer->WakeWriter();
      }
    }
    if (bytes.empty()) {
      co_return Status::Ok();
    }
    if (outgoing().end_sent != End::kOpen) {
      co_return Broken();
    }
    deadline_.Watch();
    const bool woken = co_await writable_.Wait();
    static_cast<void>(woken);
    if (!readable_.waiting()) {
      deadline_.Unwatch();
    }
  }
}

Task<void> MemoryStream::Close() {
  SendEnd(End::kEnded);
  Fail(Status(Code::kCancelled, peer_name_ + ": closed"));
  deadline_.Cancel();
  co_return;
}

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> MakeMemoryStreams(
    const MemoryStreamOptions& options) {
  Loop* const loop = Loop::Current();
  MH_CHECK(loop != nullptr);
  MH_CHECK(options.buffer_bytes_max > 0 && options.read_bytes_max > 0);
  const auto pipe = std::make_shared<Pipe>(*loop, options);
  pipe->directions[0].cut_after = options.cut_after_bytes_forward;
  pipe->directions[1].cut_after = options.cut_after_bytes_back;
  if (options.cut_after_bytes_forward == 0 || options.cut_after_bytes_back == 0) {
    for (Direction& direction : pipe->directions) {
      direction.end_sent = End::kBroken;
      direction.end_arrived = End::kBroken;
    }
  }
  auto first = std::make_unique<MemoryStream>(pipe, 0, options.first_name);
  auto second = std::make_unique<MemoryStream>(pipe, 1, options.second_name);
  return {std::move(first), std::move(second)};
}

}  // namespace mailhaul::net
