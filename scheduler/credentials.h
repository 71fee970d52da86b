// Tells wrong credentials from throttling in disguise: some servers answer "login failed" to
// whoever comes too often. Wrong credentials fail again later, while other mailboxes of the host
// log in; throttling makes many mailboxes of one host fail within a short time.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

// The logins of one host in the last kSpan to 2 * kSpan.
class HostLogins final {
 public:
  static constexpr Duration kSpan = std::chrono::minutes(10);

  void OnAccepted(TimePoint now);
  // `before`: this mailbox's refused login before this one; counted once per span and mailbox.
  void OnRefused(TimePoint before, TimePoint now);
  uint32_t accepted() const { return accepted_[0] + accepted_[1]; }
  uint32_t refused() const { return refused_[0] + refused_[1]; }
  // So many mailboxes fail that it can hardly be their passwords.
  bool ManyFail() const;

  static constexpr uint32_t kMany = 5;            // Mailboxes, at least,
  static constexpr uint32_t kManyOfAccepted = 4;  // and a quarter of those that log in.

 private:
  void Advance(TimePoint now);

  TimePoint began_ = TimePoint::min();  // Of span 0.
  std::array<uint32_t, 2> accepted_{};  // In this span and the one before.
  std::array<uint32_t, 2> refused_{};
};

// The refused logins in a row of one mailbox.
struct RefusedLogins {
  TimePoint first = TimePoint::min();
  TimePoint last = TimePoint::min();
  uint32_t count = 0;
  bool confirmed = false;
};

// Notes a refused login of a mailbox and says what it means.
CredentialVerdict JudgeRefusal(RefusedLogins& mailbox, HostLogins& host, TimePoint now);

// How far apart two refusals must lie to say more than one.
inline constexpr Duration kRefusalsApart = std::chrono::minutes(4);
// A mailbox refused for so long is not being throttled.
inline constexpr Duration kThrottlingMax = std::chrono::hours(24);

}  // namespace mailhaul::scheduler
