#include "engine/app/mailbox_live.h"

#include <algorithm>

namespace mailhaul::app {

namespace {

std::string TroubleOf(const MailboxState& mailbox) {
  if (!mailbox.no_room.empty()) {
    return std::string(mailbox.no_room);
  }
  switch (mailbox.last_error.code()) {
    case Code::kAuthFailed:
      return "needs_credentials";
    case Code::kThrottled:
      return "throttled";
    case Code::kUnreachable:
    case Code::kTimeout:
      return "unreachable";
    case Code::kDiskFull:
      return std::string(kDiskFull);
    default:
      return "error";
  }
}

}  // namespace

std::string StateOf(const MailboxState& mailbox) {
  switch (mailbox.phase) {
    case MailboxState::Phase::kPending:
      return mailbox.last_complete == WallTime{} ? "pending" : "ok";
    case MailboxState::Phase::kCollecting:
      return "collecting";
    case MailboxState::Phase::kOk:
      return "ok";
    case MailboxState::Phase::kFailing:
      break;
  }
  return TroubleOf(mailbox);
}

std::string LastStateOf(const MailboxState& mailbox) {
  if (IsInTrouble(mailbox)) {
    return TroubleOf(mailbox);
  }
  return mailbox.last_complete == WallTime{} ? "pending" : "ok";
}

std::optional<int64_t> LagSecondsOf(const MailboxState& mailbox, WallTime now) {
  if (mailbox.last_complete == WallTime{}) {
    return std::nullopt;
  }
  const config::Freshness& freshness = mailbox.tenant->freshness;
  const bool dormant = IsDormant(freshness, mailbox.last_used, now);
  const auto lag = now - mailbox.last_complete - (dormant ? freshness.dormant : freshness.normal);
  return std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(lag).count());
}

bool IsInTrouble(const MailboxState& mailbox) {
  return mailbox.phase == MailboxState::Phase::kFailing ||
         (mailbox.phase == MailboxState::Phase::kCollecting && !mailbox.last_error.ok());
}

}  // namespace mailhaul::app
