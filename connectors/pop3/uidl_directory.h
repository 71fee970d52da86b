// Where POP3 unique ids get their UIDs: the seam between the connector, which sees unique ids, and
// the store, which remembers them.
//
// A maildrop has no UIDs; it has unique ids of the server's making (RFC 1939 section 7). The
// directory gives each a number that stays, so that ledger, slices and re-linking work on UIDs
// whatever the protocol. Keys are hashes: how long or odd a server's unique ids are shows nowhere
// else.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/uid_set.h"
#include "connectors/net/task.h"

namespace mailhaul::pop3 {

// The first 128 bits of a SHA-256.
using UidlKey = std::array<unsigned char, 16>;

// The directory of one folder of one mailbox; belongs to the session's loop. Spans must live until
// the call is done. A failure ends the session with it.
class UidlDirectory {
 public:
  virtual ~UidlDirectory() = default;

  // One UID for each key, in their order: known keys keep theirs, new ones get the next ones in
  // list order. All are durable when it completes. No key stands twice in `keys`. A key that was in
  // no call for 90 days may be forgotten.
  virtual net::Task<Result<std::vector<Uid>>> Assign(std::span<const UidlKey> keys) = 0;
  // The UIDs of known keys, 0 for the others. Remembers nothing.
  virtual net::Task<Result<std::vector<Uid>>> Find(std::span<const UidlKey> keys) = 0;
  // Makes every key another name of the UID at its place, whatever it named before. `uids` were
  // given out by this directory.
  virtual net::Task<Status> Bind(std::span<const UidlKey> keys, std::span<const Uid> uids) = 0;
};

}  // namespace mailhaul::pop3
