// A FileSystem in memory, for tests: knows what was synced and what was not, can lose the rest as a
// power cut does, run out of space, and fail any call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
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
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status SyncDirectory(const std::string& directory) override;
  Result<uint64_t> FreeBytes(const std::string& path) override;

  // From now on all writes and syncs fail and change nothing: the machine is off.
  void Freeze();
  // The machine is on again: of what was not synced, each write is there, lost or torn at a sector,
  // and each new name may be gone. Handles from before are dead.
  void DropUnsynced(Random& random);
  // The `nth` write, or sync of a file, from now on (1: the next) fails with `status`.
  void FailWrite(uint64_t nth, Status status);
  void FailSync(uint64_t nth, Status status);
  void SetFreeBytes(uint64_t bytes);
  // Overwrites bytes behind the callers' back.
  void Tamper(const std::string& path, uint64_t offset, std::string_view bytes);

  uint64_t writes() const;
  uint64_t syncs() const;

 private:
  friend class MemoryFile;
  struct Inode;
  struct Disk;
  std::shared_ptr<Disk> disk_;
};

}  // namespace mailhaul::store
