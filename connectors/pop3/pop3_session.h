// A POP3 session for collecting (RFC 1939, 2449, 2595, 3206, 5034): greeting, STLS, CAPA, login,
// then the calls of SourceSession on the one folder INBOX.
//
// A session sees the maildrop as it was at login, and many servers lock it meanwhile: Poll() never
// finds news, WaitForNews() is refused, and the owner closes the session when its work is done.
// Nothing is ever deleted: DELE does not exist here, so messages stay on the server.
//
// UIDs come from a UidlDirectory; UIDVALIDITY is always 1. OpenFolder() tells no UIDNEXT and no
// status: which messages there are is known from ListUids() alone. That a message is not listed
// means nothing: Gmail shows some 265 messages per session and hides them once they were fetched;
// other servers keep a window of days. Absence is never an expunge.
//
// MessageMeta::internal_date is never set, and there are no flags.
//
// Identity of a message, from best to worst:
//   UIDL     its unique id. Unique ids that stand twice in one listing, are missing or unusable are
//            completed by what follows, for these messages only
//   TOP      hash of its header and size
//   RETR     hash of its bytes
// Without UIDL the sizes of the listing are remembered with the UIDs: of a maildrop that begins
// with the same sizes only the last message known is looked at again (it is the one that changes
// when something was deleted and something else arrived), and those behind it.
//
// The bytes of a message are those between the status line and the terminating CRLF "." CRLF, dots
// unstuffed, line ends as sent, the CRLF before the dot included. Of a line that starts with one
// dot and no second one the dot stays: a server that stuffs never sends that, and Dovecot 2.3 does
// not stuff the first line. A server that ends its status lines with a bare LF is taken at its
// word: its messages end at LF "." LF. From any other server that sequence is text: a message that
// holds LF "." CRLF must not end early and have its rest read as answers of the server.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/random.h"
#include "base/result.h"
#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/pop3/uidl_directory.h"

namespace mailhaul::pop3 {

// The RFCs allow 512 bytes for a line and 70 for a unique id; servers exceed both.
inline constexpr size_t kLineBytesMax = 8 * 1024;
inline constexpr size_t kUniqueIdBytesMax = 255;
inline constexpr size_t kListingLinesMax = 1'000'000;  // More: kProtocol.
inline constexpr size_t kListingBytesMax = size_t{64} << 20;
inline constexpr size_t kCapabilitiesMax = 500;
inline constexpr size_t kArgumentBytesMax = 12 * 1024;          // Of a command; tokens are long.
inline constexpr size_t kBodyBufferBytesMax = size_t{1} << 20;  // Larger: begun without a size.
// An answer that goes on for more than so many times body_bytes_max ends the session.
inline constexpr uint64_t kDrainFactor = 4;
inline constexpr size_t kPipelineMessagesMax = 50;                // In flight, and
inline constexpr uint64_t kPipelineBytesMax = uint64_t{3} << 20;  // what their sizes announce.
// Messages arrive in the order of the listing nearly always: the search for the begin of the window
// goes backwards and stops after so many older ones in a row.
inline constexpr size_t kBeforeWindowRun = 50;
inline constexpr size_t kSingleListMax = 100;  // Sizes asked for one by one; more: all at once.
// While we wait for it, a server sends so many bytes in each command_timeout, or finishes an
// answer; one that drips is as good as silent.
inline constexpr uint64_t kProgressBytesMin = 1024;
// The wait after [LOGIN-DELAY] from a server that never said how long.
inline constexpr std::chrono::seconds kLoginDelayDefault{300};

struct SessionOptions {
  Duration command_timeout = std::chrono::seconds(60);  // Without progress; all of a login.
  uint64_t body_bytes_max = uint64_t{64} << 20;         // A larger message: kMessageRejected.
};

struct OpenedPop3Session {
  std::unique_ptr<SourceSession> session;
  // LOGIN-DELAY (RFC 2449 section 6.5): the server wants this long between two logins. 0: none.
  std::chrono::seconds login_delay{0};
  // EXPIRE: the server itself deletes messages after so many days. Absent: it does not say, or
  // never.
  std::optional<uint32_t> expire_days;
};

// Dials, checks the greeting, upgrades if asked, and logs in: the best SASL mechanism, else USER
// and PASS; only with allow_cram_md5, and with nothing better, CRAM-MD5 or APOP. Fails with
//   kAuthFailed     the server refuses the credentials ([AUTH], or a text without code)
//   kThrottled      [IN-USE], [LOGIN-DELAY] (with retry_after()) and "too many" texts
//   kUnreachable    [SYS/TEMP]: the server is in trouble
//   kServerRefused  [SYS/PERM]; no login that we can do
//   kTlsFailed      STLS was asked for and is not to be had
// `directory` must outlive the session; `random` the call.
net::Task<Result<OpenedPop3Session>> OpenPop3Session(Dialer& dialer, UidlDirectory& directory,
                                                     Random& random, ServerAddress server,
                                                     Credentials credentials,
                                                     std::optional<net::IpAddress> egress,
                                                     SessionOptions options);

}  // namespace mailhaul::pop3
