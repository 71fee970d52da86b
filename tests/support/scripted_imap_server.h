// The IMAP face of a ScriptedMailServer: one coroutine per connection, over any stream.
//
// Knows CAPABILITY, ID, STARTTLS, LOGIN, AUTHENTICATE PLAIN, ENABLE, NAMESPACE, LIST (RETURN
// SPECIAL-USE, STATUS), STATUS, EXAMINE and SELECT (CONDSTORE, QRESYNC), UID SEARCH (ALL, SINCE,
// RETURN (ALL)), UID FETCH (FLAGS, INTERNALDATE, RFC822.SIZE, BODY.PEEK[], BODY.PEEK[HEADER],
// X-GM-LABELS, X-GM-THRID, THREADID; CHANGEDSINCE), NOOP with news, LOGOUT. CONDSTORE, QRESYNC and
// ENABLE only when ScriptedOptions::capabilities has them. Commands may be pipelined. After
// STARTTLS it goes on over the same stream: the client's network pretends the encryption
// (memory_network.h).
#pragma once

#include <memory>

#include "connectors/net/stream.h"
#include "connectors/net/task.h"
#include "tests/support/scripted_mail_server.h"

namespace mailhaul::test_support {

// Until the client or a fault ends it. `server` must outlive the task.
net::Task<void> ServeConnection(std::unique_ptr<net::Stream> stream, ScriptedMailServer& server);

}  // namespace mailhaul::test_support
