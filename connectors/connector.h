// The common face of the connectors that fetch: what the engine says to a source, whatever its
// protocol. IMAP: imap/imap_session.h.
//
// A SourceSession is one logged-in connection. It belongs to one loop, runs one call at a time, and
// only reads: folders are opened with EXAMINE, bodies fetched with PEEK. After any failure other
// than kServerRefused, kNotFound or kMessageRejected the session is dead: Close() it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/uid_set.h"
#include "connectors/net/task.h"

namespace mailhaul {

enum class Security : uint8_t {
  kTls,        // TLS from the first byte.
  kStartTls,   // Required upgrade; never opportunistic.
  kPlaintext,  // Loopback, or asked for explicitly.
};

struct ServerAddress {
  std::string host;
  uint16_t port = 0;
  Security security = Security::kTls;
};

struct Credentials {
  std::string username;
  Secret password;
};

// RFC 6154 special-use, plus INBOX. ToString() gives the role names of HTTP: "inbox", "sent", ...,
// "" for none.
enum class FolderRole : uint8_t {
  kNone,
  kInbox,
  kSent,
  kDrafts,
  kTrash,
  kJunk,
  kArchive,
  kAll,
  kFlagged,
  kImportant,
};
std::string_view ToString(FolderRole role);

struct FolderInfo {
  std::string name;       // UTF-8, "/" between levels: what users see and configuration names.
  std::string wire_name;  // What the server calls it; for OpenFolder() only.
  FolderRole role = FolderRole::kNone;
};

struct OpenedFolder {
  uint32_t uid_validity = 0;
  Uid uid_next = 0;  // 0: the server did not say.
  uint32_t messages = 0;
};

// Bits of MessageMeta::flags.
inline constexpr uint8_t kFlagSeen = 1;
inline constexpr uint8_t kFlagAnswered = 2;
inline constexpr uint8_t kFlagFlagged = 4;
inline constexpr uint8_t kFlagDraft = 8;
inline constexpr uint8_t kFlagDeleted = 16;

struct MessageMeta {
  Uid uid = 0;
  uint8_t flags = 0;
  std::vector<std::string> keywords;  // At most 64 of at most 128 bytes; the rest is dropped.
  WallTime internal_date{};
  uint64_t size = 0;  // RFC822.SIZE: a hint, servers lie.
};

// Takes message bodies. Implemented by the engine, called by one FetchBodies() at a time.
class BodySink {
 public:
  virtual ~BodySink() = default;

  // Takes the memory that these messages need. A session calls TryReserve() to pipeline one more
  // command, and the waiting Reserve() only while it has none in flight: so a session that waits
  // for memory never holds any that depends on its own progress.
  virtual bool TryReserve(std::span<const MessageMeta> messages) = 0;
  virtual net::Task<Status> Reserve(std::span<const MessageMeta> messages) = 0;

  // One body: Begin with its true size (the literal's), then the bytes in order, then End. A body
  // without End is discarded by the sink. A failure ends FetchBodies() with it.
  virtual net::Task<Status> BeginBody(const MessageMeta& meta, uint64_t size) = 0;
  virtual net::Task<Status> AppendBody(std::string_view bytes) = 0;
  virtual net::Task<Status> EndBody() = 0;

  // The server completed the command without this message: expunged meanwhile (kNotFound), or it
  // refuses to give it (kMessageRejected).
  virtual void NoBody(const MessageMeta& meta, const Status& why) = 0;
};

class SourceSession {
 public:
  virtual ~SourceSession() = default;

  // Folders that can be opened; names that the server cannot mean (control characters, over
  // 1,000 bytes, more than 10,000 folders) fail with kProtocol.
  virtual net::Task<Result<std::vector<FolderInfo>>> ListFolders() = 0;
  virtual net::Task<Result<OpenedFolder>> OpenFolder(const FolderInfo& folder) = 0;
  // UIDs of the open folder; `since`: only messages whose INTERNALDATE lies on or after that day
  // (UTC day of `since` less one, so that time zones cannot hide one).
  virtual net::Task<Result<UidSet>> ListUids(std::optional<WallTime> since) = 0;
  // In the server's order; UIDs that no longer exist are simply not among them.
  virtual net::Task<Result<std::vector<MessageMeta>>> FetchMeta(const UidSet& uids) = 0;
  // Gives every one of `messages` to `sink`: a body, or NoBody(). `messages` must live until done.
  virtual net::Task<Status> FetchBodies(std::span<const MessageMeta> messages, BodySink& sink) = 0;
  // Pending and later calls fail with kCancelled.
  virtual void Abort() = 0;
  // Logs out if it can, closes, and completes when the close is confirmed.
  virtual net::Task<void> Close() = 0;
};

}  // namespace mailhaul
