// What a logged-in session does, one file each. A failure that is not kServerRefused ends the
// session.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "connectors/connector.h"
#include "connectors/pop3/connection.h"
#include "connectors/pop3/maildrop.h"
#include "connectors/pop3/uidl_directory.h"

namespace mailhaul::pop3 {

enum class TopSupport : uint8_t {
  kUnknown,  // The first TOP tells.
  kYes,
  kNo,
};

// What matters of the server and the session's options, and what is learned on the way.
struct ServerTraits {
  bool pipelined = false;
  TopSupport top = TopSupport::kUnknown;
  uint64_t body_bytes_max = 0;
};

// UIDL, or whatever else tells messages apart (pop3_session.h), and a UID for each from
// `directory`.
net::Task<Result<Maildrop>> IdentifyMessages(Connection& connection, ServerTraits& traits,
                                             UidlDirectory& directory);

// LIST: the sizes of those of `uids` that are not known yet, one by one or all at once. A message
// that the server refuses to measure has size 0.
net::Task<Status> FetchSizes(Connection& connection, const ServerTraits& traits, const UidSet& uids,
                             Maildrop& maildrop);

// The messages that arrived at `since` or later, or whose arrival is not known: TOP from the newest
// backwards, until kBeforeWindowRun older ones came in a row. Without TOP: all.
net::Task<Result<UidSet>> FindWindow(Connection& connection, ServerTraits& traits, WallTime since,
                                     Maildrop& maildrop);

// TOP n 0. kServerRefused: the server does not know TOP.
net::Task<Status> FetchMessageHeaders(Connection& connection, ServerTraits& traits,
                                      const UidSet& uids, Maildrop& maildrop, HeaderSink& sink);

// RETR.
net::Task<Status> FetchMessageBodies(Connection& connection, const ServerTraits& traits,
                                     Maildrop& maildrop, std::span<const MessageMeta> messages,
                                     BodySink& sink);

// Says QUIT, waits for the answer and for the end of the connection, all for at most kQuitTime.
inline constexpr Duration kQuitTime = std::chrono::seconds(2);
net::Task<void> Quit(Connection& connection);

}  // namespace mailhaul::pop3
