// Servers for the mailboxes whose configuration and provider's profile name none.
//
// Once, when a command starts that will reach them: what is found is part of the configuration
// then, so that pools and limits are right from the first connection on. The others fail by
// themselves, with the reason, until the next start.
#pragma once

#include <vector>

#include "base/clock.h"
#include "connectors/autodiscover/discover.h"
#include "engine/config/config.h"

namespace mailhaul::app {

inline constexpr size_t kSearchesMax = 32;                               // At the same time.
inline constexpr Duration kSearchTimeout = std::chrono::seconds(10);     // Of one.
inline constexpr Duration kDiscoveryTimeout = std::chrono::seconds(30);  // Of all together.

// Fills source, submission, profile and pool of `mailbox` with what `found` says. kNotFound, and
// nothing changes, when no trusted server is among it for its protocol and credentials; the message
// says what to write instead.
Status ApplyDiscovery(const autodiscover::Discovery& found, const config::Providers& providers,
                      config::MailboxConfig& mailbox);

// Searches for every mailbox without a host and applies what is found, or sets `undiscovered`.
// Mailboxes of one domain share a search as far as its answer is theirs too. Arguments must live
// until done.
net::Task<void> DiscoverServers(config::Config& config, net::Network& network, HttpClient& http,
                                const Clock& clock);

// The same on the calling thread, with a loop and network of its own; at once when nothing is to be
// found. kInvalidArgument when network.ca_file cannot be used.
Status DiscoverServersNow(config::Config& config);

}  // namespace mailhaul::app
