// SQLite in the shape of the house: statuses, owners, and settings for files that nobody need
// trust.
//
// A Database and its Statements are for one thread at a time. Failures are told by their code
// alone: SQLite's own messages may quote what was being written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mailhaul::search {

// Statements must end before their database does.
class Statement final {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  // Positions count from 1. Bytes are copied.
  Statement& Bind(int position, int64_t value);
  Statement& Bind(int position, std::string_view bytes);
  // True: there is a row. False: it is done.
  Result<bool> Step();
  // To its end, then ready for the next Bind().
  Status Run();
  void Reset();

  // Of the current row; columns count from 0. A view lives until the next Step() or Reset().
  int64_t Integer(int column) const;
  std::string_view Bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database final {
 public:
  enum class Mode { kWrite, kRead };  // kWrite creates the file, mode 0600.
  // kCorrupt: not a database, or a damaged one. kNotFound: there is no file to read.
  static Result<std::unique_ptr<Database>> Open(const std::string& path, Mode mode);
  ~Database();

  Status Run(const char* sql);  // Without rows.
  Result<Statement> Prepare(const char* sql);
  // Called every few thousand steps of a statement; true ends it with kTimeout.
  void SetInterrupt(std::function<bool()> interrupt);
  // The file may grow to so many pages of 4 KiB; then kDiskFull.
  Status SetPagesMax(uint64_t pages);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  Database() = default;
  Status Configure(Mode mode);
  static int OnProgress(void* self);

  std::unique_ptr<sqlite3, Close> database_;
  std::function<bool()> interrupt_;
};

}  // namespace mailhaul::search
