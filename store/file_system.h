// The file operations that segments and RocksDB need, injectable: a test file system loses what was
// not synced, runs out of space or fails the n-th call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mailhaul::store {

// Read and write at offsets. Reads are thread-safe; writes come from one thread, Sync() from one
// that may be another: it covers the writes that had returned when it was called.
class File {
 public:
  virtual ~File() = default;
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const = 0;  // 0: the end.
  virtual Status WriteAt(uint64_t offset, std::string_view bytes) = 0;            // kDiskFull, kIo.
  virtual Status Sync() = 0;  // Data durable. After a failure the file must not be trusted.
  virtual Result<uint64_t> Size() const = 0;
  // A hint that this range is about to be written; does not change Size().
  virtual void Preallocate(uint64_t /*offset*/, uint64_t /*bytes*/) {}
  // Gives back what is reserved beyond the file's end. The writer alone may: it cuts the file at
  // the size that it had a moment before.
  virtual void Trim() {}
};

struct FileInfo {
  bool directory = false;
  uint64_t bytes = 0;
};

// Held until destroyed, and at most until the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Thread-safe. Paths are as the operating system takes them. Create(), Rename() and Remove() are
// durable once SyncDirectory() has returned.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Status CreateDirectories(const std::string& path) = 0;  // Mode 0700, durable.
  virtual Result<std::unique_ptr<File>> Create(
      const std::string& path) = 0;  // Must not exist; 0600.
  virtual Result<std::unique_ptr<File>> Open(const std::string& path) = 0;
  virtual Status Remove(const std::string& path) = 0;
  // Within one directory; a file that has the new name is replaced.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Result<FileInfo> Stat(const std::string& path) = 0;  // kNotFound.
  virtual Result<std::vector<std::string>> List(
      const std::string& directory) = 0;  // Names, sorted.
  virtual Status SyncDirectory(const std::string& directory) = 0;
  virtual Result<uint64_t> FreeBytes(const std::string& path) = 0;
  // Against other processes, and other callers in this one. Creates the file when it is missing.
  // kStoreLocked: somebody has it.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

class PosixFileSystem final : public FileSystem {
 public:
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
};

}  // namespace mailhaul::store
