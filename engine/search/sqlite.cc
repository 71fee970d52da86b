#include "engine/search/sqlite.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <array>
#include <limits>

namespace mailhaul::search {
namespace {

constexpr int kProgressSteps = 4000;
// A reader and the writer wait for each other only while a file is opened or closed.
constexpr int kBusyMilliseconds = 2000;

// Every limit that a file with chosen contents could be made to strain. FTS5 needs blobs of some
// megabytes for the words of one message.
struct Limit {
  int id;
  int value;
};
constexpr std::array<Limit, 9> kLimits = {{{SQLITE_LIMIT_LENGTH, 64 << 20},
                                           {SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
                                           {SQLITE_LIMIT_COLUMN, 100},
                                           {SQLITE_LIMIT_EXPR_DEPTH, 100},
                                           {SQLITE_LIMIT_COMPOUND_SELECT, 10},
                                           {SQLITE_LIMIT_ATTACHED, 0},
                                           {SQLITE_LIMIT_VARIABLE_NUMBER, 100},
                                           {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
                                           {SQLITE_LIMIT_WORKER_THREADS, 0}}};
struct Switch {
  int id;
  int on;
};
constexpr std::array<Switch, 5> kSwitches = {{{SQLITE_DBCONFIG_DEFENSIVE, 1},
                                              {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
                                              {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                                              {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
                                              {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}}};

Code CodeOf(int result) {
  switch (result & 0xFF) {
    case SQLITE_FULL:
      return Code::kDiskFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return Code::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kBusy;
    case SQLITE_INTERRUPT:
      return Code::kTimeout;
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return Code::kResourceExhausted;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Code::kIo;
    default:
      return Code::kInternal;
  }
}

Status Failure(int result) {
  return {CodeOf(result),
          "SQLite: " + std::string(sqlite3_errstr(result)) + " (" + std::to_string(result) + ")"};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::Bind(int position, int64_t value) {
  sqlite3_bind_int64(statement_.get(), position, value);
  return *this;
}

Statement& Statement::Bind(int position, std::string_view bytes) {
  // Text, for FTS5; what is stored is the same bytes either way.
  sqlite3_bind_text64(statement_.get(), position, bytes.data(), bytes.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

Result<bool> Statement::Step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) {
    return true;
  }
  if (result == SQLITE_DONE) {
    return false;
  }
  return Failure(result);
}

Status Statement::Run() {
  Result<bool> row = Step();
  while (row.ok() && *row) {
    row = Step();
  }
  Reset();
  return row.ok() ? Status() : row.status();
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr
             ? std::string_view()
             : std::string_view(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Mode mode) {
  std::unique_ptr<Database> opened(new Database);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (mode == Mode::kWrite) {
    flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  } else {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) {
      return Status(Code::kNotFound, "no file " + path);
    }
    flags |= SQLITE_OPEN_READONLY;
  }
  sqlite3* database = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  opened->database_.reset(database);
  if (result != SQLITE_OK) {
    return Failure(result).WithContext(path);
  }
  if (mode == Mode::kWrite) {
    chmod(path.c_str(), S_IRUSR | S_IWUSR);  // Before anything is in it.
  }
  const Status configured = opened->Configure(mode);
  if (!configured.ok()) {
    return configured.WithContext(path);
  }
  return opened;
}

Status Database::Configure(Mode mode) {
  for (const Limit& limit : kLimits) {
    sqlite3_limit(database_.get(), limit.id, limit.value);
  }
  for (const Switch& each : kSwitches) {
    sqlite3_db_config(database_.get(), each.id, each.on, nullptr);
  }
  sqlite3_busy_timeout(database_.get(), kBusyMilliseconds);
  if (mode == Mode::kRead) {
    return Run(
        "PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA cache_size = -2048;"
        "PRAGMA temp_store = MEMORY;");
  }
  return Run(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cell_size_check = ON;"
      "PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -4096;"
      "PRAGMA temp_store = MEMORY;");
}

Status Database::Run(const char* sql) {
  const int result = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? Status() : Failure(result);
}

Result<Statement> Database::Prepare(const char* sql) {
  sqlite3_stmt* prepared = nullptr;
  const int result =
      sqlite3_prepare_v3(database_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  Statement statement(prepared);
  if (result != SQLITE_OK) {
    return Failure(result);
  }
  return statement;
}

int Database::OnProgress(void* self) { return static_cast<Database*>(self)->interrupt_() ? 1 : 0; }

void Database::SetInterrupt(std::function<bool()> interrupt) {
  interrupt_ = std::move(interrupt);
  sqlite3_progress_handler(database_.get(), kProgressSteps, interrupt_ ? &OnProgress : nullptr,
                           this);
}

Status Database::SetPagesMax(uint64_t pages) {
  return Run(("PRAGMA max_page_count = " + std::to_string(pages)).c_str());
}

}  // namespace mailhaul::search
