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

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/imap/limits.h"
#include "connectors/net/stream.h"

namespace mailhaul::imap {

// What a server offers: capabilities as it has named them. Some differ from user to user, so each
// mailbox remembers its own; equal ones are one object (a list is 1 to 2 KiB).
struct KnownServer {
  std::vector<std::string> before_login;
  std::vector<std::string> after_login;

  bool operator==(const KnownServer&) const = default;
};

// The folders that the last session of a mailbox was told, with their statuses. Kept of few folders
// only: then asking for each one's status is cheaper for the server than a list.
struct FolderMemory {
  std::vector<FolderInfo> folders;
  TimePoint listed_at{};
};
inline constexpr size_t kRememberedFoldersMax = 3;
inline constexpr std::chrono::minutes kListEvery{10};

struct SessionOptions {
  Duration command_timeout = std::chrono::seconds(60);  // Without a byte from the server.
  uint64_t body_bytes_max = uint64_t{64} << 20;         // A larger literal: kMessageRejected.
  size_t command_bytes_max = 4096;  // Longest command line; some servers take no more than 1,000.
  std::vector<std::string> broken;  // Extensions not to use though offered; upper-case names.
  bool id_before_select = false;    // Send ID even where it is not offered.
  // COMPRESS=DEFLATE where offered, from the first FetchBodies() of kCompressFromBytes or more. Off
  // by default: it costs about 2.5 ns of CPU time for each byte of mail and 100 KiB for the
  // session, and gains where the network is the bottleneck.
  bool compress = false;
  // What an earlier session with the same server has learned; null: nothing. With it, where the
  // login fits in one line (LOGIN, or PLAIN, XOAUTH2 and OAUTHBEARER with SASL-IR), the login and
  // all that the first ListFolders(true) needs go out in one write of at most five commands:
  // checking an unchanged mailbox costs the greeting and one round trip. Other first calls are
  // correct too, and wait for that list. A server that has changed meanwhile is asked again
  // plainly; after kTimeout or kProtocol forget it.
  std::shared_ptr<const KnownServer> remembered;
  // Set by a login that succeeds: to `remembered` where that is still right. Must live until then.
  std::shared_ptr<const KnownServer>* learned = nullptr;
  // Of this mailbox, kept from session to session. Where it holds folders and the list is younger
  // than kListEvery, a check asks for their statuses, and for the list only if one has changed: a
  // new folder shows when something else changes, or after kListEvery. Null: always the list. Must
  // live as long as the session.
  FolderMemory* folders = nullptr;
  // For a mailbox in which nothing is likely to be new: where the statuses of `folders` go out with
  // the login, LOGOUT does too, which saves a round trip. ListFolders(true) then is the only call
  // that can succeed, if they are all as remembered (SourceSession::left_with_news()).
  bool leave_unless_news = false;
  Random* random = nullptr;  // For SCRAM; null: the system's. Must live until done.
};

// Dials, checks the greeting, upgrades if asked, and logs in by the best mechanism of
// sasl/mechanism.h that is offered, else by LOGIN unless LOGINDISABLED. ID and ENABLE (QRESYNC,
// CONDSTORE, UTF8=ACCEPT) go out with the first command after listing folders, where offered;
// before that where UTF8=ACCEPT or `id_before_select` ask for it. Fails with kAuthFailed when
// the server refuses the credentials or does not prove to know them, kThrottled when it wants less
// (refusal.h), kTlsFailed when STARTTLS is not offered.
net::Task<Result<std::unique_ptr<SourceSession>>> OpenImapSession(
    Dialer& dialer, ServerAddress server, Credentials credentials,
    std::optional<net::IpAddress> egress, SessionOptions options);

}  // namespace mailhaul::imap
