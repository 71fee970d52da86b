#include "scheduler/pool_health.h"

#include <algorithm>

#include "base/check.h"
#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

HostVerdict VerdictOf(Code code) {
  switch (code) {
    case Code::kOk:
      return HostVerdict::kSuccess;
    case Code::kThrottled:
      return HostVerdict::kThrottled;
    case Code::kUnreachable:
    case Code::kTimeout:
    case Code::kTlsFailed:
    case Code::kProtocol:
      return HostVerdict::kUnreachable;
    case Code::kAuthFailed:
    case Code::kServerRefused:
    case Code::kMessageRejected:
    case Code::kNotFound:
      return HostVerdict::kAnswered;
    default:
      return HostVerdict::kNone;
  }
}

PoolHealth::PoolHealth(uint32_t connections_max)
    : limit_(connections_max), window_(connections_max) {
  MH_CHECK(connections_max > 0);
}

TimePoint PoolHealth::blocked_until() const {
  return open_circuit_ ? std::max(throttled_until_, probe_at_) : throttled_until_;
}

void PoolHealth::SetLimit(uint32_t connections_max) {
  MH_CHECK(connections_max > 0);
  // A window at its limit follows the limit; a narrowed one still has to earn its growth.
  window_ = window_ == limit_ ? connections_max : std::min(window_, connections_max);
  limit_ = connections_max;
}

void PoolHealth::OnOutcome(const Event& event, const BackoffBounds& backoff, TimePoint now) {
  switch (event.verdict) {
    case HostVerdict::kSuccess:
      OnSuccess();
      break;
    case HostVerdict::kAnswered:
      OnAnswer();
      break;
    case HostVerdict::kThrottled:
      OnThrottled(event, backoff, now);
      break;
    case HostVerdict::kUnreachable:
      OnUnreachable(event, backoff, now);
      break;
    case HostVerdict::kNone:
      break;
  }
}

void PoolHealth::StartSlowly() {
  window_ = 1;
  successes_ = 0;
  slow_start_ = limit_ > 1;
}

void PoolHealth::OnSuccess() {
  OnAnswer();
  if (++successes_ < SuccessesToGrow()) {
    return;
  }
  if (window_ == ceiling_) {
    ceiling_ = 0;
    --refusals_;
  }
  successes_ = 0;
  throttles_ = 0;
  window_ = std::min(window_ + 1, limit_);
  slow_start_ = slow_start_ && window_ < limit_;
}

uint32_t PoolHealth::SuccessesToGrow() const {
  if (window_ == ceiling_ || window_ + 1 == ceiling_) {
    return window_ << refusals_;
  }
  return slow_start_ ? 1 : window_;
}

// At one connection there is nothing to learn: it is what every pool has.
void PoolHealth::RememberWidth() {
  if (window_ > 1) {
    refusals_ = std::min<uint8_t>(refusals_ + 1, kDoublingsMax);
    ceiling_ = window_;
  }
}

void PoolHealth::OnAnswer() {
  failures_ = 0;
  outages_ = 0;
  if (open_circuit_) {
    open_circuit_ = false;
    StartSlowly();
  }
}

void PoolHealth::OnThrottled(const Event& event, const BackoffBounds& backoff, TimePoint now) {
  const bool current = event.epoch == epoch_;
  OnAnswer();
  successes_ = 0;
  if (current) {
    RememberWidth();
    window_ = std::max(window_ / 2, uint32_t{1});
    slow_start_ = false;
    ++throttles_;
    ++epoch_;
  }
  Duration delay = Duration::zero();
  if (event.retry_after > event.retry_after.zero()) {
    delay = std::min(event.retry_after, kRetryAfterMax);
  } else if (current) {
    delay = BackoffDelay(backoff.shortest, backoff.longest, throttles_, event.seed);
  }
  throttled_until_ = std::max(throttled_until_, After(now, delay));
}

void PoolHealth::OnUnreachable(const Event& event, const BackoffBounds& backoff, TimePoint now) {
  successes_ = 0;
  if (event.epoch != epoch_) {
    return;
  }
  failures_ = static_cast<uint8_t>(std::min<uint32_t>(failures_ + 1U, kFailuresInRow));
  if (!open_circuit_ && !event.probe && failures_ < kFailuresInRow) {
    return;
  }
  open_circuit_ = true;
  outages_ = static_cast<uint16_t>(std::min(outages_ + 1, INT16_MAX));
  ++epoch_;
  probe_at_ = After(now, BackoffDelay(backoff.shortest, backoff.longest, outages_, event.seed));
}

bool HostHealth::OnAnswer(TimePoint now) {
  last_answer_ = now;
  outages_ = 0;
  const bool closed = open_;
  open_ = false;
  return closed;
}

bool HostHealth::OnUnreachable(TimePoint began, bool probe, const BackoffBounds& backoff,
                               uint64_t seed, TimePoint now) {
  if (open_ ? probe : last_answer_ < began) {
    open_ = true;
    outages_ = std::min(outages_ + 1, uint32_t{1'000'000});
    probe_at_ = After(now, BackoffDelay(backoff.shortest, backoff.longest, outages_, seed));
  }
  return open_;
}

}  // namespace mailhaul::scheduler
