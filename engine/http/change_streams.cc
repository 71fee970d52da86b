#include "engine/http/change_streams.h"

#include <utility>

namespace mailhaul::http {

ChangeStreams::Seat::Seat(ChangeStreams& streams, std::string tenant, std::string token)
    : streams_(streams), tenant_(std::move(tenant)), token_(std::move(token)) {
  streams_.seats_.insert(this);
  ++streams_.per_token_[token_];
}

ChangeStreams::Seat::~Seat() {
  streams_.seats_.erase(this);
  const auto count = streams_.per_token_.find(token_);
  if (--count->second == 0) {
    streams_.per_token_.erase(count);
  }
}

net::Task<void> ChangeStreams::Seat::WaitUntil(TimePoint when) {
  if (!woken_) {
    net::Loop* loop = net::Loop::Current();
    const net::Loop::TimerId timer = loop->AddTimer(when, [this] { Wake(); });
    const bool woken = co_await wake_.Wait();
    static_cast<void>(woken);
    loop->CancelTimer(timer);
  }
  woken_ = false;
}

void ChangeStreams::Seat::Wake() {
  if (wake_.waiting()) {
    wake_.Set(true);
  }
  woken_ = true;
}

std::unique_ptr<ChangeStreams::Seat> ChangeStreams::Open(const std::string& tenant,
                                                         const std::string& token) {
  const auto count = per_token_.find(token);
  if (seats_.size() >= kStreamsMax ||
      (count != per_token_.end() && count->second >= kStreamsPerTokenMax)) {
    return nullptr;
  }
  return std::make_unique<Seat>(*this, tenant, token);
}

void ChangeStreams::WakeTenant(std::string_view tenant) {
  for (Seat* seat : seats_) {
    if (seat->tenant_ == tenant) {
      seat->Wake();
    }
  }
}

void ChangeStreams::WakeAll() {
  for (Seat* seat : seats_) {
    seat->Wake();
  }
}

}  // namespace mailhaul::http
