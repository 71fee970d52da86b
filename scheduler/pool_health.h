// What outcomes teach: PoolHealth, how many connections a pool may use now and until when it is
// left alone; HostHealth, the same for all pools of a host while the whole host is out of reach.
//
//   throttled    the window halves at once (at least 1) and the pool is blocked; it grows by one
//                after as many successes in a row as it is wide, up to the configured limit;
//                back to the width that was refused last, and beyond it, only after twice as
//                many, and twice as many again with each refusal, so that a server whose limit is
//                lower than the configured one is tried ever more rarely
//   unreachable  after kFailuresInRow without a success or any answer between them the circuit
//                opens: the pool is blocked, then single probes go through until one is answered
//   answered     closes the circuit; the window starts at one connection and grows by one with
//                each success
//
// Outcomes of grants made before the last such step say nothing new and do not repeat it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "base/status.h"

namespace mailhaul::scheduler {

// How an outcome reflects on the host.
enum class HostVerdict : uint8_t {
  kSuccess,
  kAnswered,  // A refusal, but the host lives.
  kThrottled,
  kUnreachable,  // No use to anybody at present.
  kNone,         // Our own doing: cancelled, disk full.
};
HostVerdict VerdictOf(Code code);

struct BackoffBounds {
  Duration shortest;
  Duration longest;
};

class PoolHealth final {
 public:
  PoolHealth() = default;
  explicit PoolHealth(uint32_t connections_max);  // > 0.

  // In force now; of an open circuit the number of probes at a time.
  uint32_t connections_max() const { return open_circuit_ ? 1 : window_; }
  uint32_t window() const { return window_; }
  bool open_circuit() const { return open_circuit_; }
  TimePoint throttled_until() const { return throttled_until_; }
  TimePoint probe_at() const { return probe_at_; }  // Of an open circuit.
  TimePoint blocked_until() const;                  // The later of the two.
  uint32_t epoch() const { return epoch_; }         // To be given back with the outcome of a grant.

  void SetLimit(uint32_t connections_max);  // > 0.

  struct Event {
    HostVerdict verdict = HostVerdict::kNone;
    std::chrono::milliseconds retry_after{0};  // As a throttling server asked; 0: it did not.
    uint32_t epoch = 0;                        // Of the grant.
    bool probe = false;                        // Of a host out of reach: one failure is enough.
    uint64_t seed = 0;                         // Spreads the back-off of different pools.
  };
  void OnOutcome(const Event& event, const BackoffBounds& backoff, TimePoint now);
  // One connection at first, one more with each success.
  void StartSlowly();
  // An open circuit's next probe need not wait longer than until then.
  void ProbeBy(TimePoint at) { probe_at_ = std::min(probe_at_, at); }

  static constexpr uint32_t kFailuresInRow = 3;
  static constexpr uint8_t kDoublingsMax = 6;
  // What a server may ask of us at most: nothing is disabled for good.
  static constexpr std::chrono::milliseconds kRetryAfterMax = std::chrono::hours(24);

 private:
  void OnSuccess();
  void OnAnswer();
  void RememberWidth();
  uint32_t SuccessesToGrow() const;
  void OnThrottled(const Event& event, const BackoffBounds& backoff, TimePoint now);
  void OnUnreachable(const Event& event, const BackoffBounds& backoff, TimePoint now);

  TimePoint throttled_until_ = TimePoint::min();
  TimePoint probe_at_ = TimePoint::min();
  uint32_t limit_ = 1;
  uint32_t window_ = 1;
  uint32_t successes_ = 0;  // In a row, since the window last changed.
  uint32_t throttles_ = 0;  // Since the window last grew.
  uint32_t epoch_ = 0;
  uint32_t ceiling_ = 0;  // The window that was throttled last; 0: none, or it did well since.
  uint16_t outages_ = 0;  // Times the circuit opened or a probe failed, in a row.
  uint8_t failures_ = 0;  // Unreachable in a row, up to kFailuresInRow.
  uint8_t refusals_ = 0;  // That narrowed it, less the ceilings that did well; <= kDoublingsMax.
  bool open_circuit_ = false;
  bool slow_start_ = false;
};

// The circuit of a whole host: open while several pools cannot reach it and none could since. Then
// one probe goes out at a time, from whatever pool.
class HostHealth final {
 public:
  bool open_circuit() const { return open_; }
  TimePoint probe_at() const { return open_ ? probe_at_ : TimePoint::min(); }
  TimePoint last_answer() const { return last_answer_; }

  // Returns whether this closed the circuit.
  bool OnAnswer(TimePoint now);
  // A pool's circuit opened, or a probe failed; its grant began at `began`. Returns whether the
  // circuit is open now.
  bool OnUnreachable(TimePoint began, bool probe, const BackoffBounds& backoff, uint64_t seed,
                     TimePoint now);

 private:
  TimePoint last_answer_ = TimePoint::min();
  TimePoint probe_at_ = TimePoint::min();
  uint32_t outages_ = 0;
  bool open_ = false;
};

}  // namespace mailhaul::scheduler
