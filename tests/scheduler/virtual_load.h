// Mailboxes that are checked again and again in virtual time: what each tenant gets of a pool.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "base/check.h"
#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

class VirtualLoad final {
 public:
  explicit VirtualLoad(Scheduler& scheduler) : scheduler_(scheduler) {}

  // A mailbox that the scheduler knows; its checks take `check` and are due every `freshness`.
  void Add(MailboxId mailbox, TenantId tenant, Duration check, Duration freshness,
           JobKind kind = JobKind::kNew, bool refresh = false) {
    boxes_[mailbox] = Box{tenant, check, freshness, kind, refresh, /*ended=*/false};
    // As if checked at some moment of the last period.
    const auto part = static_cast<int64_t>(mailbox.value * 2'654'435'761 % 1000);
    Submit(mailbox, now_ - freshness * part / 1000);
  }

  // Runs for `length`; what is out at its end counts for what it has had.
  void Run(Duration length) {
    const TimePoint end = now_ + length;
    for (;;) {
      EndDue();
      StartAll();
      TimePoint next = scheduler_.NextWake(now_);
      for (const Session& session : sessions_) {
        next = std::min(next, session.ends);
      }
      MH_CHECK(next > now_);
      if (next >= end) {
        break;
      }
      now_ = next;
    }
    now_ = end;
  }

  // Seconds of connection time that ended grants of the tenant have had.
  double SecondsOf(TenantId tenant) const {
    const auto it = used_.find(tenant);
    return it == used_.end() ? 0 : std::chrono::duration<double>(it->second).count();
  }
  uint64_t ChecksOf(TenantId tenant) const {
    const auto it = checks_.find(tenant);
    return it == checks_.end() ? 0 : it->second;
  }
  // Ended checks of one mailbox.
  uint64_t ChecksOf(MailboxId mailbox) const {
    const auto it = box_checks_.find(mailbox);
    return it == box_checks_.end() ? 0 : it->second;
  }
  // The mailbox is checked once more if it is queued or out, and then no more.
  void End(MailboxId mailbox) { boxes_.at(mailbox).ended = true; }
  // How long past its deadline a check of this tenant began, at most, since ForgetLatest().
  Duration LatestOf(TenantId tenant) const {
    const auto it = latest_.find(tenant);
    return it == latest_.end() ? Duration::zero() : it->second;
  }
  void ForgetLatest() { latest_.clear(); }
  TimePoint now() const { return now_; }

 private:
  struct Box {
    TenantId tenant;
    Duration check;
    Duration freshness;
    JobKind kind;
    bool refresh;
    bool ended = false;
  };
  struct Session {
    Grant grant;
    TimePoint began;
    TimePoint ends;
  };

  void Submit(MailboxId mailbox, TimePoint from) {
    const Box& box = boxes_.at(mailbox);
    const TimePoint due = from == TimePoint{} ? from : from + box.freshness * 4 / 5;
    const Job job{mailbox, box.kind, due, from + box.freshness, box.refresh, box.freshness};
    MH_CHECK(scheduler_.Submit(job).ok());
  }

  void StartAll() {
    while (const std::optional<Grant> grant = scheduler_.Take(now_)) {
      const Box& box = boxes_.at(grant->job.mailbox);
      Duration& latest = latest_[box.tenant];
      latest = std::max(latest, now_ - grant->job.deadline);
      sessions_.push_back({*grant, now_, now_ + box.check});
    }
  }

  void EndDue() {
    for (size_t i = 0; i < sessions_.size();) {
      if (sessions_[i].ends > now_) {
        ++i;
        continue;
      }
      const Session session = sessions_[i];
      sessions_.erase(sessions_.begin() + static_cast<std::ptrdiff_t>(i));
      const Box& box = boxes_.at(session.grant.job.mailbox);
      used_[box.tenant] += session.ends - session.began;
      ++checks_[box.tenant];
      ++box_checks_[session.grant.job.mailbox];
      if (!box.ended) {
        Submit(session.grant.job.mailbox, now_);
      }
      scheduler_.Finish(session.grant, now_, Status::Ok());
    }
  }

  Scheduler& scheduler_;
  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
  std::map<MailboxId, Box> boxes_;
  std::vector<Session> sessions_;
  std::map<TenantId, Duration> used_;
  std::map<TenantId, uint64_t> checks_;
  std::map<MailboxId, uint64_t> box_checks_;
  std::map<TenantId, Duration> latest_;
};

}  // namespace mailhaul::scheduler
