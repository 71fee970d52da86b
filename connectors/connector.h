// The common face of the connectors that fetch: what the engine says to a source, whatever its
// protocol. IMAP: imap/imap_session.h. POP3: pop3/pop3_session.h.
//
// A SourceSession is one logged-in connection. It belongs to one loop, runs one call at a time, and
// only reads: folders are opened with EXAMINE, bodies fetched with PEEK, POP3 never sends DELE.
// After any failure other than kServerRefused, kNotFound or kMessageRejected the session is dead:
// Close() it.
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
  Secret access_token;  // OAuth 2.0; when set, nothing but it is sent.
  bool allow_cram_md5 =
      false;  // And APOP: MD5 of a secret under a challenge of the server's choice.
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

// What a server says of a folder without opening it. Equal values mean that nothing has changed
// since; without modseq, flags may have.
struct FolderStatus {
  uint32_t uid_validity = 0;
  Uid uid_next = 0;  // 0: the server did not say.
  uint32_t messages = 0;
  uint32_t unseen = 0;
  uint64_t modseq = 0;  // HIGHESTMODSEQ (RFC 7162); 0: the server keeps none.
  friend bool operator==(const FolderStatus&, const FolderStatus&) = default;
};

struct FolderInfo {
  std::string name;       // UTF-8, "/" between levels: what users see and configuration names.
  std::string wire_name;  // What the server calls it; for OpenFolder() only.
  FolderRole role = FolderRole::kNone;
  std::optional<FolderStatus> status;  // When asked for, and the server told.
};

// What is known of a folder from before: what changed since is told when it is opened.
struct KnownFolder {
  uint32_t uid_validity = 0;
  uint64_t modseq = 0;
  Uid uid_next = 0;
};

// The flags of one message now.
struct FlagState {
  Uid uid = 0;
  uint8_t flags = 0;
  std::vector<std::string> keywords;  // As in MessageMeta.
  std::vector<std::string> labels;    // As in MessageMeta.
};

struct OpenedFolder {
  uint32_t uid_validity = 0;
  Uid uid_next = 0;  // 0: the server did not say.
  uint32_t messages = 0;
  uint64_t modseq = 0;  // 0: the server keeps none for this folder.
  // With KnownFolder under the same UIDVALIDITY and a server that has QRESYNC: all that changed
  // since, below the known UIDNEXT.
  bool resynchronized = false;
  UidSet vanished;
  std::vector<FlagState> changed;
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
  WallTime internal_date{};  // 0: the server has none; the message's own header fields tell.
  uint64_t size = 0;         // RFC822.SIZE: a hint, servers lie.
  // Of Gmail (X-GM-LABELS): folders that show the message, in UTF-8, those of the system by their
  // role: "inbox", "sent", "important". \Starred and \Draft are flags. Bounds as keywords.
  std::vector<std::string> labels;
  std::string thread_object;  // X-GM-THRID, or the THREADID of RFC 8474; "": neither.
};

// Takes message headers for re-linking.
class HeaderSink {
 public:
  virtual ~HeaderSink() = default;
  // All bytes of the header, with the empty line that ends it. Not called for a message that is
  // gone or whose header is larger than kHeaderBytesMax.
  virtual void OnHeader(Uid uid, std::string_view header) = 0;
};
inline constexpr size_t kHeaderBytesMax = size_t{1} << 20;

// Takes message bodies. Implemented by the engine, called by one FetchBodies() at a time.
class BodySink {
 public:
  virtual ~BodySink() = default;

  // Takes the memory that these messages need. A session calls TryReserve() to pipeline one more
  // command, and the waiting Reserve() only while it has none in flight: so a session that waits
  // for memory never holds any that depends on its own progress.
  virtual bool TryReserve(std::span<const MessageMeta> messages) = 0;
  virtual net::Task<Status> Reserve(std::span<const MessageMeta> messages) = 0;

  // One body: Begin with its true size (the literal's), then the bytes in order, then End. Without
  // a size (POP3 does not know it before the end) any number of bytes follow. A body without End is
  // discarded by the sink. A failure ends FetchBodies() with it.
  virtual net::Task<Status> BeginBody(const MessageMeta& meta, std::optional<uint64_t> size) = 0;
  virtual net::Task<Status> AppendBody(std::string_view bytes) = 0;
  virtual net::Task<Status> EndBody() = 0;

  // The server completed the command without this message: expunged meanwhile (kNotFound), or it
  // refuses to give it, or gives more than is taken (kMessageRejected): then its body may have been
  // begun, and is discarded.
  virtual void NoBody(const MessageMeta& meta, const Status& why) = 0;
};

class SourceSession {
 public:
  virtual ~SourceSession() = default;

  // Folders that can be opened; names that the server cannot mean (control characters, over
  // 1,000 bytes, more than 10,000 folders) fail with kProtocol. With `with_status` each has its
  // status, unless the server refuses to tell: one command with LIST-STATUS (RFC 5819), else one
  // pipelined STATUS for each. Leaves the open folder.
  virtual net::Task<Result<std::vector<FolderInfo>>> ListFolders(bool with_status) = 0;
  // `known` may be null; it must live until done.
  virtual net::Task<Result<OpenedFolder>> OpenFolder(const FolderInfo& folder,
                                                     const KnownFolder* known) = 0;
  // UIDs of the open folder; `since`: only messages whose INTERNALDATE lies on or after that day
  // (UTC day of `since` less one, so that time zones cannot hide one).
  virtual net::Task<Result<UidSet>> ListUids(std::optional<WallTime> since) = 0;
  // In the server's order; UIDs that no longer exist are simply not among them.
  virtual net::Task<Result<std::vector<MessageMeta>>> FetchMeta(const UidSet& uids) = 0;
  // Flags of those of `uids` that exist. `changed_since`: a modseq, only those changed later; 0:
  // all.
  virtual net::Task<Result<std::vector<FlagState>>> FetchFlags(const UidSet& uids,
                                                               uint64_t changed_since) = 0;
  // `uids` and `sink` must live until done. kServerRefused: this source cannot give headers alone.
  virtual net::Task<Status> FetchHeaders(const UidSet& uids, HeaderSink& sink) = 0;
  // Gives every one of `messages` to `sink`: a body, or NoBody(). `messages` must live until done.
  virtual net::Task<Status> FetchBodies(std::span<const MessageMeta> messages, BodySink& sink) = 0;

  // Whether the connection is alive, and whether something happened in the open folder since the
  // last call (EXISTS, EXPUNGE, VANISHED, FETCH). Without an open folder only the former. One NOOP.
  virtual net::Task<Result<bool>> Poll() = 0;
  // Waits for news of the open folder, at most `wait_max`: true when something happened, false when
  // the time is over or StopWaiting() was called. IDLE (RFC 2177), issued anew every 28 minutes.
  // kServerRefused at once when the server cannot do that.
  virtual net::Task<Result<bool>> WaitForNews(Duration wait_max) = 0;
  virtual void StopWaiting() = 0;  // Ends a running WaitForNews() early; else does nothing.

  // Whether a message that is not listed is gone from the source. POP3 servers hide messages for
  // reasons of their own.
  virtual bool listing_is_complete() const { return true; }
  // Folders are labels: one of role kAll holds every message that is not in one of role kJunk or
  // kTrash, and MessageMeta::labels names the other folders that show it. Gmail.
  virtual bool folders_are_labels() const { return false; }
  // The server did what was asked and wants less all the same ([THROTTLED] inside OK): kThrottled.
  virtual Status throttle_hint() const { return {}; }

  // The session was opened to leave unless there is news, there is some, and it has left: every
  // call fails with kCancelled, and the news is for another session.
  virtual bool left_with_news() const { return false; }

  // Pending and later calls fail with kCancelled.
  virtual void Abort() = 0;
  // Logs out if it can, closes, and completes when the close is confirmed.
  virtual net::Task<void> Close() = 0;
};

}  // namespace mailhaul
