// The POP3 face of a ScriptedMailServer: the INBOX of its accounts, one coroutine per connection,
// over any stream.
//
// Knows CAPA, STLS, USER, PASS, APOP, AUTH PLAIN, STAT, LIST, UIDL, TOP, RETR, NOOP, RSET, DELE,
// QUIT; commands may be pipelined. Of the shared faults it shows greeting, silent, hang_up,
// refuse_login ("-ERR ..."), cut_after_bytes, refuse_uids and refusal, size_lie, answers (all of
// the status line), plaintext_after_starttls and delay_per_command; those below are POP3's own.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connectors/net/stream.h"
#include "connectors/net/task.h"
#include "tests/support/scripted_mail_server.h"

namespace mailhaul::test_support {

// How the server behaves, and what it remembers between connections.
struct Pop3Script {
  // The answer to CAPA, line by line; empty: the server does not know CAPA.
  std::vector<std::string> capabilities = {"TOP",        "UIDL",       "USER",
                                           "RESP-CODES", "PIPELINING", "SASL PLAIN"};
  std::set<std::string> unknown;  // Verbs that it does not know: "TOP", "UIDL".
  std::string timestamp;          // "<1896.697170952@dbc.mtview.ca.us>": APOP is offered.

  std::map<Uid, std::string> unique_ids;                   // Instead of "id-UID".
  size_t listed_max = std::numeric_limits<size_t>::max();  // The oldest so many, as Gmail does,
  bool hides_fetched = false;  // and those that an earlier session fetched are not listed again.
  bool bare_lf = false;        // Ends all lines with LF; messages are sent as they are.
  bool top_sends_all = false;  // TOP ignores its second argument.
  bool missing_dot = false;    // Messages never end.
  std::string endless;         // The verb whose answer never ends: "UIDL", "LIST", "TOP", "RETR".
  std::string hangs;           // The verb that is never answered.
  std::string hangs_up;        // The verb that ends the connection,
  std::string last_words;      // after these.
  std::map<Uid, std::string> raw;  // What follows "+OK" for RETR, dots and end included.

  std::set<Uid> fetched;  // By any session so far.
};

// Until the client or a fault ends it. Both must outlive the task.
net::Task<void> ServePop3Connection(std::unique_ptr<net::Stream> stream, ScriptedMailServer& server,
                                    Pop3Script& script);

}  // namespace mailhaul::test_support
