// A strict submission server over any stream: what it is told it checks to the letter, what it
// accepts it keeps, and what a fault says it does wrong.
//
// Knows EHLO, HELO, STARTTLS (the client's network pretends the encryption, memory_network.h), AUTH
// PLAIN and LOGIN, MAIL, RCPT, DATA, BDAT, RSET, NOOP, QUIT, all pipelined. Single-threaded.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "connectors/net/stream.h"
#include "connectors/net/task.h"

namespace mailhaul::test_support {

struct AcceptedMail {
  std::string from;                     // Between the brackets.
  std::string from_parameters;          // Behind them.
  std::vector<std::string> recipients;  // Accepted ones.
  std::vector<std::string> recipient_parameters;
  std::string data;  // Dots undone.
  bool chunked = false;
};

struct SmtpScript {
  // Behind EHLO. STARTTLS is left out once TLS is on.
  std::vector<std::string> extensions = {"PIPELINING", "8BITMIME", "SMTPUTF8", "DSN",
                                         "ENHANCEDSTATUSCODES"};
  std::map<std::string, std::string> users;  // When not empty: MAIL needs AUTH.
  bool require_tls = false;                  // STARTTLS before all else.

  // Faults; all off by default.
  std::string greeting = "220 mx.example.com ESMTP";
  // By verb ("EHLO", "MAIL", "DATA", ".", "BDAT", ...): what to reply instead, without line end;
  // the command has no effect. "" closes the connection.
  std::map<std::string, std::string> answers;
  std::map<std::string, std::string> recipient_answers;     // By address.
  size_t answers_max = std::numeric_limits<size_t>::max();  // `answers` count this often in all.
  std::string plaintext_after_starttls;
  std::string after_go_ahead;                                       // Sent at once behind 354.
  size_t cut_after_bytes_in = std::numeric_limits<size_t>::max();   // Of one connection.
  size_t cut_after_bytes_out = std::numeric_limits<size_t>::max();  // Of one connection.
  size_t close_within_data_after = std::numeric_limits<size_t>::max();
  std::string last_words;              // Before that close: "421 4.3.2 shutting down".
  bool hang_after_end = false;         // Takes the message, and never says so.
  bool lose_answer_after_end = false;  // Takes the message, and closes.
  bool silent = false;                 // Accepts, and never says a word.
  bool hang_up = false;
  Duration delay_per_reply{0};
  size_t endless_reply_to_ehlo = 0;  // So many lines.
};

struct SmtpCounters {
  uint64_t connections = 0;
  uint64_t connections_open = 0;
  std::map<std::string, uint64_t> commands;  // By verb.
  std::vector<std::string> lines;            // As received; what follows AUTH's mechanism left out.
  std::vector<std::string> violations;       // Of the protocol, by the client.
  uint64_t ends_of_data = 0;                 // Final dots and BDAT LAST seen.
  uint64_t tls_required_broken = 0;          // AUTH or MAIL before STARTTLS.
};

class ScriptedSmtpServer final {
 public:
  SmtpScript script;
  SmtpCounters counters;
  std::vector<AcceptedMail> mails;
};

// Until the client or a fault ends it. `server` must outlive the task.
net::Task<void> ServeSmtp(std::unique_ptr<net::Stream> stream, ScriptedSmtpServer& server);

}  // namespace mailhaul::test_support
