// UID FETCH over a large set: several commands in flight, and a way around messages that the
// server cannot read. Metadata, flags and headers are fetched through it; bodies, which need memory
// reserved, are not (fetch_bodies.cc).
#pragma once

#include <string>

#include "base/result.h"
#include "base/uid_set.h"
#include "connectors/imap/connection.h"
#include "connectors/imap/response.h"

namespace mailhaul::imap {

struct FetchPlan {
  std::string items;          // "(UID FLAGS)"
  std::string modifier;       // "(CHANGEDSINCE 5)", or empty.
  uint64_t messages_max = 1;  // Of one command.
  size_t set_bytes_max = 0;
};

class FetchHandler {
 public:
  virtual ~FetchHandler() = default;

  // A response about one of the UIDs asked for; there may be several about one message. A failure
  // ends the fetch and with it the connection.
  virtual Status OnFetch(const FetchEntry& fetch) = 0;
  // The literal of a BODY section begins (connection.response().fetch says what is known of it).
  // Takes all of it from `connection`.
  virtual net::Task<Status> OnBody(Connection& connection) { return connection.SkipBody(); }
  // The server refuses to tell about this message although asked for it alone.
  virtual void OnRefused(Uid uid) = 0;
};

// A set that is refused is halved until the one message is found that the server cannot read.
// kServerRefused after kRefusalsInARowMax refusals without an answer between them; then nothing is
// left unread, and the session goes on.
net::Task<Status> FetchAll(Connection& connection, const UidSet& uids, const FetchPlan& plan,
                           FetchHandler& handler);

}  // namespace mailhaul::imap
