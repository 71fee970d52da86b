// An IMAP4rev1/rev2 session for collecting (RFC 3501, 9051): greeting, CAPABILITY, ID, STARTTLS,
// login, then the calls of SourceSession.
//
// The conversation is in session files, one per command; what goes over the wire is encoded and
// decoded by the codec (response_parser.h, command_encoder.h), which has no socket.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/imap/limits.h"
#include "connectors/net/stream.h"

namespace mailhaul::imap {

struct SessionOptions {
  Duration command_timeout = std::chrono::seconds(60);  // Without a byte from the server.
  uint64_t body_bytes_max = uint64_t{64} << 20;         // A larger literal: kMessageRejected.
  size_t command_bytes_max = 4096;  // Longest command line; some servers take no more than 1,000.
  std::vector<std::string> broken;  // Extensions not to use though offered; upper-case names.
  bool id_before_select = false;    // Send ID even where it is not offered.
};

// Dials, checks the greeting, upgrades if asked, and logs in: AUTHENTICATE PLAIN with SASL-IR when
// offered, AUTHENTICATE PLAIN, else LOGIN unless LOGINDISABLED. Sends ID where offered. Fails with
// kAuthFailed when the server refuses the credentials, kThrottled for [LIMIT], [INUSE],
// [UNAVAILABLE] and "too many connections" texts, kTlsFailed when STARTTLS is not offered.
net::Task<Result<std::unique_ptr<SourceSession>>> OpenImapSession(
    Dialer& dialer, ServerAddress server, Credentials credentials,
    std::optional<net::IpAddress> egress, SessionOptions options);

}  // namespace mailhaul::imap
