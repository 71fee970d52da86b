// Filing copies of sent messages: the only part of connectors/imap that writes to a source, and all
// it sends besides reading are APPEND and CREATE.
//
// A SentFiling is a logged-in connection of its own. It belongs to one loop and runs one call at a
// time. After any failure other than kServerRefused, kNotFound, kAlreadyExists or kMessageRejected
// it is dead: Close() it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/uid_set.h"
#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/imap/imap_session.h"

namespace mailhaul::imap {

struct LoggedIn;

class SentFiling final {
 public:
  explicit SentFiling(LoggedIn login);
  ~SentFiling();
  SentFiling(const SentFiling&) = delete;
  SentFiling& operator=(const SentFiling&) = delete;

  // The folder whose role is Sent; none when there is no such folder.
  net::Task<Result<std::optional<FolderInfo>>> FindFolder();
  // Creates "Sent" where the user's own folders are, marked as such where the server can (RFC
  // 6154). kAlreadyExists when it is there.
  net::Task<Result<FolderInfo>> CreateFolder();

  // Copies in `folder` whose Message-ID holds `message_id` ("<...>"). Opens it read-only. An empty
  // set proves nothing where the server's index lags behind.
  net::Task<Result<UidSet>> Find(FolderInfo folder, std::string message_id);

  struct Copy {
    uint32_t uid_validity = 0;
    Uid uid = 0;  // 0: the server has not told, and the search does not find it yet.
  };
  // Appends `message` with \Seen and `date` as its INTERNALDATE. Its UID comes from APPENDUID (RFC
  // 4315), else from Find(). `message` is read 64 KiB at a time on the loop: it must not block, and
  // must live until done.
  //
  // kUnknownOutcome: the connection broke after the last byte: look with Find() before trying
  // again. Every other failure means that there is no copy. kNotFound: no such folder.
  // kMessageRejected: larger than the server takes (RFC 7889).
  net::Task<Result<Copy>> Append(FolderInfo folder, const ByteSource& message, WallTime date,
                                 std::string message_id);

  void Abort();
  net::Task<void> Close();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

// As OpenImapSession(); `options.remembered` is not used.
net::Task<Result<std::unique_ptr<SentFiling>>> OpenSentFiling(Dialer& dialer, ServerAddress server,
                                                              Credentials credentials,
                                                              std::optional<net::IpAddress> egress,
                                                              SessionOptions options);

}  // namespace mailhaul::imap
