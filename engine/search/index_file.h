// The full text index of one shard and tenant: an SQLite file with an FTS5 table.
//
// A message has the key (second of its received_at, its number in the shard), so that FTS5, which
// lists what matches by key, lists the newest first, and a page goes on where the last one ended.
// Of two messages of one second the one with the greater number comes first. How far the change log
// has been read lies in the same file and changes in the same transaction as the rows that follow
// from it: whatever the crash, each change has its effect once. README.md has the tables.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "engine/search/sqlite.h"

namespace mailhaul::search {

// Files of another version are built anew. To be raised when words.h finds other words.
inline constexpr int kIndexVersion = 1;
// Greater message numbers are not indexed: a shard has at most 256 mailboxes.
inline constexpr uint64_t kSequenceMax = (uint64_t{1} << 31) - 1;
// Of the words of one message.
inline constexpr size_t kWordsBytesMax = size_t{4} << 20;

struct IndexId {
  ShardId shard = 0;
  TenantId tenant;
  friend auto operator<=>(const IndexId&, const IndexId&) = default;
};
// "0001-00000007.sqlite"
std::string FileNameOf(const IndexId& id);

// Newest first; of the years 1970 to 2105, others count as the nearest of these.
using IndexKey = int64_t;
IndexKey KeyOf(WallTime received, MessageId message);
// The smallest and the greatest key of the second that `time` lies in.
IndexKey FirstKeyOf(WallTime time);
IndexKey LastKeyOf(WallTime time);
WallTime TimeOf(IndexKey key);
MessageId MessageOf(IndexKey key, ShardId shard);

// How far it is.
struct IndexProgress {
  uint64_t position = 0;  // The last change that it has the effect of.
  // The walk over all that the store held when the file was made, newest first.
  bool walked = false;
  WallTime walk_date{};  // Behind this message; 0: at the beginning.
  MessageId walk_id;
};

// For writing; one per file.
class IndexFile final {
 public:
  struct Options {
    uint64_t pages_max = 0;  // 0: as many as there is room for.
  };
  // Creates it when absent. kCorrupt: damaged, of another version, or not this shard's and
  // tenant's.
  static Result<std::unique_ptr<IndexFile>> Open(const std::string& path, const IndexId& id,
                                                 const Options& options);
  ~IndexFile();

  // Absent: the file is new.
  const std::optional<IndexProgress>& progress() const { return progress_; }

  // Between these; after a failure of any call only Abandon() is left.
  Status Begin();
  Status Commit(const IndexProgress& progress);
  void Abandon();  // Nothing since Begin() has happened.

  // Absent: not indexed. Else whether it was indexed with its body.
  Result<std::optional<bool>> Find(MessageId message);
  // Instead of what is there of it. `words` is as WordList makes it.
  Status Put(MessageId message, WallTime received, bool complete, const std::string& words);
  Status Remove(MessageId message);

 private:
  struct Statements;
  IndexFile() = default;
  Status Prepare(const IndexId& id);
  Status Create(const IndexId& id);
  Status ReadProgress();

  std::unique_ptr<Database> database_;
  std::unique_ptr<Statements> statements_;
  std::optional<IndexProgress> progress_;
};

// For reading, beside the writer; one thread at a time.
class IndexReader final {
 public:
  // kNotFound: there is nothing in it yet. kCorrupt as above.
  static Result<std::unique_ptr<IndexReader>> Open(const std::string& path, const IndexId& id);
  ~IndexReader();

  // Up to `limit` keys from `low` to `high`, both included, that match, greatest first.
  // `interrupt` ends it with kTimeout.
  Result<std::vector<IndexKey>> Find(const std::string& expression, IndexKey low, IndexKey high,
                                     size_t limit, const std::function<bool()>& interrupt);

 private:
  IndexReader() = default;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statement> find_;
};

// The token by which all messages of a mailbox are found.
std::string MailboxToken(MailboxId mailbox);

}  // namespace mailhaul::search
