// A FileSystem in memory, for tests: knows what was synced and what was not, can lose the rest as a
// power cut does, run out of space, and fail any call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/file_system.h"

namespace mailhaul::store {

// Thread-safe. Files stay usable as long as this lives.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  Status CreateDirectories(const std::string& path) override;
  Result<std::unique_ptr<File>> Create(const std::string& path) override;
  Result<std::unique_ptr<File>> Open(const std::string& path) override;
  Status Remove(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Result<FileInfo> Stat(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status SyncDirectory(const std::string& directory) override;
  Result<uint64_t> FreeBytes(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

  // From now on everything that would change something fails: the machine is off.
  void Freeze();
  // The machine is on again. Of what was not synced, each write is there, lost, or there in some of
  // its sectors; new, renamed and removed names may be as they were. Handles and locks from before
  // are dead.
  void DropUnsynced(Random& random);
  // Files of this directory keep a prefix of what was written to them, torn at a sector, not any
  // part. That is what file systems do that record a file's size after its data; RocksDB's manifest
  // needs it.
  void KeepWritesInOrder(const std::string& directory);

  // Every write, sync and change of a directory is an operation. The `nth` from now on (1: the
  // next) is the last that the disk hears of; it is not synced, and what follows finds it off.
  void FreezeAt(uint64_t nth);
  // `count` operations from the `nth` on fail with `status`: kDiskFull only those that need room. A
  // failing write leaves a part behind. After a failing sync what it was to make durable never
  // becomes so, also not by a later one that succeeds: the kernel thinks it is written.
  void FailOperations(uint64_t nth, uint64_t count, Status status);
  void FailReads(uint64_t nth, uint64_t count, Status status);
  // The `nth` write, or sync of a file, from now on (1: the next) fails with `status`.
  void FailWrite(uint64_t nth, Status status);
  void FailSync(uint64_t nth, Status status);
  void ClearFailures();  // Of all four.
  void SetFreeBytes(uint64_t bytes);
  // Called before each sync of a file, on its thread: a slow disk moves a clock there.
  void OnSync(std::function<void()> hook);
  // Called after the next sync of a file or directory, before its caller knows.
  void AfterNextSync(std::function<void()> hook);
  // Overwrites bytes behind the callers' back.
  void Tamper(const std::string& path, uint64_t offset, std::string_view bytes);

  uint64_t writes() const;
  uint64_t syncs() const;
  uint64_t operations() const;
  uint64_t reads() const;
  bool frozen() const;

 private:
  friend class MemoryFile;
  friend class MemoryFileLock;
  struct Disk;
  std::shared_ptr<Disk> disk_;
};

}  // namespace mailhaul::store
