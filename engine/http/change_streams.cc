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
      seat->waker_.Wake();
    }
  }
}

void ChangeStreams::WakeAll() {
  for (Seat* seat : seats_) {
    seat->waker_.Wake();
  }
}

}  // namespace mailhaul::http
