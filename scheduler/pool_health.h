// What a pool learned from the outcomes of its grants: how many connections it may use now, and
// until when it is left alone.
//
//   throttled    the window halves at once (at least 1) and the pool is blocked; it grows by one
//                after as many successes in a row as it is wide, up to the configured limit
//   unreachable  after kFailuresInRow without a success or any answer between them the circuit
//                opens: the pool is blocked, then single probes go through until one is answered
//
// Outcomes of grants made before the last such step say nothing new and do not repeat it.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/status.h"

namespace mailhaul::scheduler {

class PoolHealth final {
 public:
  // `seed` spreads the back-off of different pools.
  PoolHealth(uint32_t connections_max, Duration backoff_min, Duration backoff_max, uint64_t seed);

  uint32_t connections_max() const { return open_circuit_ ? 1 : window_; }  // In force now.
  TimePoint blocked_until() const { return blocked_until_; }
  uint32_t epoch() const { return epoch_; }  // To be given back with the outcome of a grant.

  void SetLimit(uint32_t connections_max);
  void OnOutcome(const Status& outcome, uint32_t epoch, TimePoint now);

  static constexpr uint32_t kFailuresInRow = 3;
  // What a server may ask of us at most: nothing is disabled for good.
  static constexpr std::chrono::milliseconds kRetryAfterMax = std::chrono::hours(24);

 private:
  void OnSuccess();
  void OnAnswer();
  void OnThrottled(std::chrono::milliseconds retry_after, bool current, TimePoint now);
  void OnUnreachable(bool current, TimePoint now);
  void BlockFor(Duration delay, TimePoint now);

  uint32_t limit_;
  Duration backoff_min_;
  Duration backoff_max_;
  uint64_t seed_;
  uint32_t window_;
  uint32_t successes_ = 0;  // In a row, since the window last changed.
  uint32_t throttles_ = 0;  // Since the window last grew.
  uint32_t failures_ = 0;   // Unreachable in a row.
  uint32_t outages_ = 0;    // Times the circuit opened or a probe failed, in a row.
  uint32_t epoch_ = 0;
  bool open_circuit_ = false;
  TimePoint blocked_until_ = TimePoint::min();
};

// How an outcome reflects on the host.
enum class HostVerdict : uint8_t {
  kSuccess,
  kAnswered,  // A refusal, but the host lives.
  kThrottled,
  kUnreachable,  // No use to anybody at present.
  kNone,         // Our own doing: cancelled, disk full.
};
HostVerdict VerdictOf(Code code);

}  // namespace mailhaul::scheduler
