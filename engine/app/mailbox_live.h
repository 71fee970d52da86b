// How a mailbox stands at this moment, as HTTP and `status --watch` say it.
#pragma once

#include <optional>
#include <string>

#include "engine/app/collector.h"

namespace mailhaul::app {

// Main loop. The `state` of docs/http.md: "ok", "collecting", "pending", or what is wrong.
std::string StateOf(const MailboxState& mailbox);
// Main loop. The same, but never "collecting": what its last visit came to.
std::string LastStateOf(const MailboxState& mailbox);
// Main loop. Seconds past its freshness since its last complete check; 0: in time. Absent: it was
// never completely checked.
std::optional<int64_t> LagSecondsOf(const MailboxState& mailbox, WallTime now);
// Main loop. Its last visit failed, or there is no room for it; also while it is tried again.
bool IsInTrouble(const MailboxState& mailbox);

}  // namespace mailhaul::app
