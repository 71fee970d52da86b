// What the sessions of a mailbox leave for those after them: what its server can do, and access
// tokens. Belongs to the loop of the mailbox.
#pragma once

#include <memory>

#include "base/secret.h"
#include "connectors/imap/imap_session.h"
#include "connectors/oauth2.h"

namespace mailhaul::app {

struct SourceMemory {
  imap::KnownServer server;
  std::unique_ptr<TokenSource> tokens;  // With oauth2 only; made for the first session.
  // The last one that was sent. If the server refuses it, it may have been withdrawn before its
  // time; if it refuses one that is fresh, the grant is at fault.
  Secret token_sent;
};

}  // namespace mailhaul::app
