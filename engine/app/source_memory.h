// What the sessions of a mailbox leave for those after them: what its server can do, and access
// tokens. Belongs to the loop of the mailbox.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/secret.h"
#include "connectors/imap/imap_session.h"
#include "connectors/oauth2.h"
#include "engine/pipeline/quiet_check.h"

namespace mailhaul::app {

// What was last learned of each server by any of its mailboxes, by "host:port". Belongs to one
// loop. Where a mailbox knows nothing itself, it tries with this.
using KnownServers = std::map<std::string, std::shared_ptr<const imap::KnownServer>, std::less<>>;

// After so many checks without news the next one is not expected to bring any: it says LOGOUT at
// once. That saves one round trip in four, and costs a second login if there is news.
inline constexpr uint32_t kQuietToLeave = 10;

struct SourceMemory {
  std::shared_ptr<const imap::KnownServer> server;  // Null: nothing is known.
  std::unique_ptr<TokenSource> tokens;              // With oauth2 only; made for the first session.
  Secret refresh_token;  // Kept from an earlier run, instead of the configured one; empty: none.
  TokenSource::OnRotated keep_refresh_token;
  // The last one that was sent. If the server refuses it, it may have been withdrawn before its
  // time; if it refuses one that is fresh, the grant is at fault.
  Secret token_sent;
  imap::FolderMemory folders;
  uint32_t quiet_in_a_row = 0;  // Checks without news.
  pipeline::QuietCheck quiet;   // What the last check of the mailbox left.
};

}  // namespace mailhaul::app
