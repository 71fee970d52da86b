#include "scheduler/credentials.h"

#include <algorithm>

#include "scheduler/backoff.h"

namespace mailhaul::scheduler {

void HostLogins::Advance(TimePoint now) {
  const Duration passed = Since(began_, now);
  if (began_ != TimePoint::min() && passed < kSpan) {
    return;
  }
  const bool next = began_ != TimePoint::min() && passed < 2 * kSpan;
  accepted_ = {0, next ? accepted_[0] : 0};
  refused_ = {0, next ? refused_[0] : 0};
  began_ = now;
}

void HostLogins::OnAccepted(TimePoint now) {
  Advance(now);
  ++accepted_[0];
}

void HostLogins::OnRefused(TimePoint before, TimePoint now) {
  Advance(now);
  if (before < began_) {
    ++refused_[0];
  }
}

bool HostLogins::ManyFail() const {
  return refused() >= kMany && refused() > accepted() / kManyOfAccepted;
}

CredentialVerdict JudgeRefusal(RefusedLogins& mailbox, HostLogins& host, TimePoint now) {
  host.OnRefused(mailbox.last, now);
  if (mailbox.count == 0) {
    mailbox.first = now;
  }
  ++mailbox.count;
  mailbox.last = now;
  const Duration lasted = Since(mailbox.first, now);
  if (mailbox.confirmed || lasted >= kThrottlingMax) {
    mailbox.confirmed = true;
  } else if (host.ManyFail()) {
    return CredentialVerdict::kThrottlingSuspected;
  } else {
    // Few fail here, or others log in meanwhile.
    mailbox.confirmed = mailbox.count >= 2 && lasted >= kRefusalsApart;
  }
  return mailbox.confirmed ? CredentialVerdict::kConfirmed : CredentialVerdict::kUnconfirmed;
}

}  // namespace mailhaul::scheduler
