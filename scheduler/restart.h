// Rebuilding the schedule after a start from what the store says.
#pragma once

#include <optional>

#include "scheduler/scheduler.h"

namespace mailhaul::scheduler {

// The first check of a mailbox whose last complete check is `age` old (nothing: there was none).
// Its deadline is the one it had before the restart, even if that is past, so that the order among
// late mailboxes is kept. What is not due yet keeps its rhythm; what is overdue starts within
// `spread`, each mailbox at a moment of its own: the hosts see a slope, not a storm. What no store
// remembers (logins of the last second, windows, back-offs) is what Scheduler::BeginRampUp() is
// for.
Job FirstCheck(MailboxId mailbox, TimePoint now, std::optional<Duration> age, Duration freshness,
               Duration spread);

}  // namespace mailhaul::scheduler
