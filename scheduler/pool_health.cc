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

PoolHealth::PoolHealth(uint32_t connections_max, Duration backoff_min, Duration backoff_max,
                       uint64_t seed)
    : limit_(connections_max),
      backoff_min_(backoff_min),
      backoff_max_(backoff_max),
      seed_(seed),
      window_(connections_max) {
  MH_CHECK(connections_max > 0);
}

void PoolHealth::SetLimit(uint32_t connections_max) {
  MH_CHECK(connections_max > 0);
  // A window at its limit follows the limit; a narrowed one still has to earn its growth.
  window_ = window_ == limit_ ? connections_max : std::min(window_, connections_max);
  limit_ = connections_max;
}

void PoolHealth::OnOutcome(const Status& outcome, uint32_t epoch, TimePoint now) {
  const bool current = epoch == epoch_;
  switch (VerdictOf(outcome.code())) {
    case HostVerdict::kSuccess:
      OnSuccess();
      break;
    case HostVerdict::kAnswered:
      OnAnswer();
      break;
    case HostVerdict::kThrottled:
      OnThrottled(outcome.retry_after(), current, now);
      break;
    case HostVerdict::kUnreachable:
      OnUnreachable(current, now);
      break;
    case HostVerdict::kNone:
      break;
  }
}

void PoolHealth::OnSuccess() {
  OnAnswer();
  if (++successes_ < window_) {
    return;
  }
  successes_ = 0;
  throttles_ = 0;
  window_ = std::min(window_ + 1, limit_);
}

void PoolHealth::OnAnswer() {
  failures_ = 0;
  outages_ = 0;
  open_circuit_ = false;
}

void PoolHealth::OnThrottled(std::chrono::milliseconds retry_after, bool current, TimePoint now) {
  OnAnswer();
  successes_ = 0;
  if (current) {
    window_ = std::max(window_ / 2, uint32_t{1});
    ++throttles_;
    ++epoch_;
  }
  if (retry_after > retry_after.zero()) {
    BlockFor(std::min(retry_after, kRetryAfterMax), now);
  } else if (current) {
    BlockFor(BackoffDelay(backoff_min_, backoff_max_, throttles_, seed_), now);
  }
}

void PoolHealth::OnUnreachable(bool current, TimePoint now) {
  successes_ = 0;
  if (!current) {
    return;
  }
  ++failures_;
  if (!open_circuit_ && failures_ < kFailuresInRow) {
    return;
  }
  open_circuit_ = true;
  ++outages_;
  ++epoch_;
  BlockFor(BackoffDelay(backoff_min_, backoff_max_, outages_, seed_), now);
}

void PoolHealth::BlockFor(Duration delay, TimePoint now) {
  blocked_until_ = std::max(blocked_until_, After(now, delay));
}

}  // namespace mailhaul::scheduler
