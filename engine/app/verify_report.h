// What `verify --online` found, for programs and for people. docs/operations.md documents both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/app/ledger_inspector.h"
#include "engine/app/watch_table.h"

namespace mailhaul::app {

// What is listed one by one; the rest is counted.
inline constexpr size_t kDifferencesToldMax = 10'000;
inline constexpr size_t kFailuresToldMax = 10'000;

class VerifyReport final {
 public:
  struct Options {
    bool equal_folders = false;  // Folders that do not differ are listed too.
    bool from_running_server = false;
  };
  explicit VerifyReport(Options options) : options_(options) {}

  // In any order; of one mailbox once.
  void Add(const MailboxFinding& finding);
  // By mailbox, from now on.
  void Sort();
  void SetInterrupted() { interrupted_ = true; }

  bool interrupted() const { return interrupted_; }
  // The store could not be read.
  bool damaged() const { return damaged_; }
  bool right() const { return right_ == mailboxes_ && !interrupted_; }
  std::string AsJson() const;
  std::string AsText(const TerminalShape& shape) const;

 private:
  struct Difference {
    std::string mailbox;
    pipeline::FolderInspection folder;
  };
  struct Failure {
    std::string mailbox;
    std::string code;
    std::string detail;
  };
  void AddDifferences(const MailboxFinding& finding);
  Table ToTable() const;
  std::string Summary() const;

  const Options options_;
  bool interrupted_ = false;
  bool damaged_ = false;
  uint64_t mailboxes_ = 0;
  uint64_t right_ = 0;
  uint64_t failed_ = 0;  // The others that are not right have missing messages or refused folders.
  uint64_t folders_ = 0;
  pipeline::LedgerCounts counts_;
  std::vector<Difference> differences_;
  uint64_t differences_left_out_ = 0;
  std::vector<Failure> failures_;
};

}  // namespace mailhaul::app
