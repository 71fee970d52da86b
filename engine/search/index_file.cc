#include "engine/search/index_file.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "engine/search/deflate.h"

namespace mailhaul::search {
namespace {

constexpr int kSequenceBits = 31;
constexpr int64_t kSecondMax = (int64_t{1} << 32) - 1;

// `words` holds the text that was given to FTS5: without it nothing can be taken out again.
constexpr const char* kSchema =
    "CREATE TABLE progress (only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL,"
    "  walked INTEGER NOT NULL, walk_date INTEGER NOT NULL, walk_id INTEGER NOT NULL);"
    "CREATE TABLE message (key INTEGER PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE,"
    "  complete INTEGER NOT NULL, words BLOB NOT NULL);"
    "CREATE VIRTUAL TABLE text USING fts5 (words, content = '', columnsize = 0,"
    "  tokenize = \"ascii tokenchars '_'\");";

// Two numbers that SQLite keeps in a file's header.
std::string IdentityPragmas(const IndexId& id) {
  // A shard's number takes 16 bits: with the version above it nothing else fits.
  const int64_t version = (int64_t{kIndexVersion} << 16) | id.shard;
  return "PRAGMA user_version = " + std::to_string(version) +
         "; PRAGMA application_id = " + std::to_string(static_cast<int32_t>(id.tenant.value)) + ";";
}

Result<int64_t> OneNumber(Database& database, const char* sql) {
  MH_ASSIGN_OR_RETURN(Statement statement, database.Prepare(sql));
  MH_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

// False: nothing has been made in it. kCorrupt: it is another index.
Result<bool> HasIdentity(Database& database, const IndexId& id) {
  MH_ASSIGN_OR_RETURN(const int64_t version, OneNumber(database, "PRAGMA user_version"));
  if (version == 0) {
    return false;
  }
  MH_ASSIGN_OR_RETURN(const int64_t tenant, OneNumber(database, "PRAGMA application_id"));
  if (version != ((int64_t{kIndexVersion} << 16) | id.shard) ||
      tenant != static_cast<int32_t>(id.tenant.value)) {
    return Status(Code::kCorrupt, "the index is of another version, shard or tenant");
  }
  return true;
}

}  // namespace

std::string FileNameOf(const IndexId& id) {
  char name[32];
  const int size = std::snprintf(name, sizeof name, "%04x-%08x.sqlite",
                                 static_cast<unsigned>(id.shard), id.tenant.value);
  return {name, static_cast<size_t>(size)};
}

IndexKey FirstKeyOf(WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return std::clamp<int64_t>(second, 0, kSecondMax) << kSequenceBits;
}

IndexKey KeyOf(WallTime received, MessageId message) {
  return FirstKeyOf(received) | static_cast<int64_t>(message.sequence() & kSequenceMax);
}

IndexKey LastKeyOf(WallTime time) { return FirstKeyOf(time) | static_cast<int64_t>(kSequenceMax); }

WallTime TimeOf(IndexKey key) { return WallTime(std::chrono::seconds(key >> kSequenceBits)); }

MessageId MessageOf(IndexKey key, ShardId shard) {
  return MessageId::Make(shard, static_cast<uint64_t>(key) & kSequenceMax);
}

std::string MailboxToken(MailboxId mailbox) { return "m_" + FormatId(mailbox.value); }

struct IndexFile::Statements {
  Statement find;
  Statement put_row;
  Statement put_text;
  Statement read_row;
  Statement remove_row;
  Statement remove_text;
  Statement save;
};

IndexFile::~IndexFile() = default;

Result<std::unique_ptr<IndexFile>> IndexFile::Open(const std::string& path, const IndexId& id,
                                                   const Options& options) {
  std::unique_ptr<IndexFile> file(new IndexFile);
  MH_ASSIGN_OR_RETURN(file->database_, Database::Open(path, Database::Mode::kWrite));
  if (options.pages_max != 0) {
    MH_RETURN_IF_ERROR(file->database_->SetPagesMax(options.pages_max));
  }
  const Status prepared = file->Prepare(id);
  if (!prepared.ok()) {
    return prepared.WithContext(path);
  }
  return file;
}

Status IndexFile::Create(const IndexId& id) {
  MH_RETURN_IF_ERROR(database_->Run("BEGIN IMMEDIATE"));
  Status created = database_->Run(kSchema);
  if (created.ok()) {
    created = database_->Run(IdentityPragmas(id).c_str());
  }
  if (created.ok()) {
    created = database_->Run("COMMIT");
  }
  if (!created.ok()) {
    Abandon();
  }
  return created;
}

Status IndexFile::Prepare(const IndexId& id) {
  MH_ASSIGN_OR_RETURN(const bool made, HasIdentity(*database_, id));
  if (!made) {
    MH_RETURN_IF_ERROR(Create(id));
  }
  Database& database = *database_;
  MH_ASSIGN_OR_RETURN(Statement find,
                      database.Prepare("SELECT complete FROM message WHERE sequence = ?1"));
  MH_ASSIGN_OR_RETURN(Statement put_row,
                      database.Prepare("INSERT INTO message (key, sequence, complete, words)"
                                       " VALUES (?1, ?2, ?3, CAST(?4 AS BLOB))"));
  MH_ASSIGN_OR_RETURN(Statement put_text,
                      database.Prepare("INSERT INTO text (rowid, words) VALUES (?1, ?2)"));
  MH_ASSIGN_OR_RETURN(Statement read_row,
                      database.Prepare("SELECT key, words FROM message WHERE sequence = ?1"));
  MH_ASSIGN_OR_RETURN(Statement remove_row,
                      database.Prepare("DELETE FROM message WHERE sequence = ?1"));
  MH_ASSIGN_OR_RETURN(
      Statement remove_text,
      database.Prepare("INSERT INTO text (text, rowid, words) VALUES ('delete', ?1, ?2)"));
  MH_ASSIGN_OR_RETURN(
      Statement save,
      database.Prepare("INSERT OR REPLACE INTO progress (only, position, walked, walk_date,"
                       " walk_id) VALUES (1, ?1, ?2, ?3, ?4)"));
  statements_.reset(new Statements{.find = std::move(find),
                                   .put_row = std::move(put_row),
                                   .put_text = std::move(put_text),
                                   .read_row = std::move(read_row),
                                   .remove_row = std::move(remove_row),
                                   .remove_text = std::move(remove_text),
                                   .save = std::move(save)});
  return ReadProgress();
}

Status IndexFile::ReadProgress() {
  MH_ASSIGN_OR_RETURN(
      Statement read,
      database_->Prepare("SELECT position, walked, walk_date, walk_id FROM progress"));
  MH_ASSIGN_OR_RETURN(const bool row, read.Step());
  if (row) {
    progress_ = IndexProgress{.position = static_cast<uint64_t>(read.Integer(0)),
                              .walked = read.Integer(1) != 0,
                              .walk_date = WallTime(std::chrono::milliseconds(read.Integer(2))),
                              .walk_id = {static_cast<uint64_t>(read.Integer(3))}};
  }
  return {};
}

Status IndexFile::Begin() { return database_->Run("BEGIN IMMEDIATE"); }

Status IndexFile::Commit(const IndexProgress& progress) {
  const auto date = progress.walk_date.time_since_epoch().count();
  MH_RETURN_IF_ERROR(statements_->save.Bind(1, static_cast<int64_t>(progress.position))
                         .Bind(2, int64_t{progress.walked ? 1 : 0})
                         .Bind(3, static_cast<int64_t>(date))
                         .Bind(4, static_cast<int64_t>(progress.walk_id.value))
                         .Run());
  MH_RETURN_IF_ERROR(database_->Run("COMMIT"));
  progress_ = progress;
  return {};
}

void IndexFile::Abandon() {
  const Status ended = database_->Run("ROLLBACK");
  static_cast<void>(ended);  // There is no transaction when the failure ended it already.
}

Result<std::optional<bool>> IndexFile::Find(MessageId message) {
  Statement& find = statements_->find;
  const Result<bool> row = find.Bind(1, static_cast<int64_t>(message.sequence())).Step();
  if (!row.ok()) {
    find.Reset();
    return row.status();
  }
  std::optional<bool> complete;
  if (*row) {
    complete = find.Integer(0) != 0;
  }
  find.Reset();
  return complete;
}

Status IndexFile::Put(MessageId message, WallTime received, bool complete,
                      const std::string& words) {
  MH_RETURN_IF_ERROR(Remove(message));
  const IndexKey key = KeyOf(received, message);
  MH_ASSIGN_OR_RETURN(const std::string packed, Deflate(words));
  MH_RETURN_IF_ERROR(statements_->put_row.Bind(1, key)
                         .Bind(2, static_cast<int64_t>(message.sequence()))
                         .Bind(3, int64_t{complete ? 1 : 0})
                         .Bind(4, packed)
                         .Run());
  return statements_->put_text.Bind(1, key).Bind(2, words).Run();
}

Status IndexFile::Remove(MessageId message) {
  const auto sequence = static_cast<int64_t>(message.sequence());
  Statement& read = statements_->read_row;
  const Result<bool> row = read.Bind(1, sequence).Step();
  if (!row.ok() || !*row) {
    read.Reset();
    return row.ok() ? Status() : row.status();
  }
  const IndexKey key = read.Integer(0);
  const Result<std::string> words = Inflate(read.Bytes(1), kWordsBytesMax);
  read.Reset();
  if (!words.ok()) {
    return words.status();
  }
  MH_RETURN_IF_ERROR(statements_->remove_text.Bind(1, key).Bind(2, *words).Run());
  return statements_->remove_row.Bind(1, sequence).Run();
}

IndexReader::~IndexReader() = default;

Result<std::unique_ptr<IndexReader>> IndexReader::Open(const std::string& path, const IndexId& id) {
  std::unique_ptr<IndexReader> reader(new IndexReader);
  MH_ASSIGN_OR_RETURN(reader->database_, Database::Open(path, Database::Mode::kRead));
  MH_ASSIGN_OR_RETURN(const bool made, HasIdentity(*reader->database_, id));
  if (!made) {
    return Status(Code::kNotFound, "nothing is indexed yet");
  }
  MH_ASSIGN_OR_RETURN(Statement find,
                      reader->database_->Prepare("SELECT rowid FROM text WHERE text MATCH ?1"
                                                 " AND rowid >= ?2 AND rowid <= ?3"
                                                 " ORDER BY rowid DESC LIMIT ?4"));
  reader->find_ = std::make_unique<Statement>(std::move(find));
  return reader;
}

Result<std::vector<IndexKey>> IndexReader::Find(const std::string& expression, IndexKey low,
                                                IndexKey high, size_t limit,
                                                const std::function<bool()>& interrupt) {
  database_->SetInterrupt(interrupt);
  find_->Bind(1, expression).Bind(2, low).Bind(3, high).Bind(4, static_cast<int64_t>(limit));
  std::vector<IndexKey> keys;
  Result<bool> row = find_->Step();
  while (row.ok() && *row) {
    keys.push_back(find_->Integer(0));
    row = find_->Step();
  }
  find_->Reset();
  database_->SetInterrupt({});
  if (!row.ok()) {
    return row.status();
  }
  return keys;
}

}  // namespace mailhaul::search
