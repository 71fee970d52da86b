// The disk of MemoryFileSystem: what it was told, what of that would survive a power cut, and which
// operation fails. Private to memory_file_system.cc and memory_disk.cc. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/status.h"

namespace mailhaul::store {

// One file. No file has two names.
struct MemoryInode {
  struct Unsynced {
    uint64_t offset = 0;
    std::string bytes;
  };
  std::string contents;  // What processes read.
  std::string durable;
  std::vector<Unsynced> unsynced;

  void Write(uint64_t offset, std::string_view bytes);
  void Sync();
  // What the disk holds after a power cut. `in_order`: a prefix of what was written.
  std::string Survivor(Random& random, bool in_order) const;
};

// Calls of one kind, some of which fail.
class FaultPlan {
 public:
  // `count` calls from the `nth` from now on (1: the next) end with `status`.
  void Fail(uint64_t nth, uint64_t count, Status status);
  void Clear() { faults_.clear(); }
  // Counts a call and says how it ends.
  Status Next();
  uint64_t calls() const { return calls_; }

 private:
  struct Fault {
    uint64_t first = 0;
    uint64_t count = 0;
    Status status;
  };
  uint64_t calls_ = 0;
  std::vector<Fault> faults_;
};

// The names of all directories; a change is durable when its directory has been synced.
class MemoryNames {
 public:
  using Inode = std::shared_ptr<MemoryInode>;
  using Names = std::map<std::string, Inode>;

  const Names& now() const { return now_; }
  Inode Find(const std::string& path) const;
  void Create(const std::string& path, const Inode& inode);
  void Remove(const std::string& path);
  void Rename(const std::string& from, const std::string& to);
  void SyncDirectory(const std::string& directory);
  // A power cut: any of the changes that are not durable may be lost, except that a rename that
  // is kept keeps those before it in its directory. Journals give that order, and replacing files
  // by renaming relies on it.
  void DropUnsynced(Random& random);
  // Puts other inodes in the places of these.
  void Replace(const std::map<Inode, Inode>& inodes);

 private:
  enum class Kind : uint8_t { kCreate, kRemove, kRename };
  struct Change {
    Kind kind = Kind::kCreate;
    std::string path;
    std::string target;  // Of a rename.
    Inode inode;         // Of a new file.
  };
  static void Apply(const Change& change, Names& names);
  static std::vector<bool> ChooseKept(const std::vector<const Change*>& changes, Random& random);

  Names now_;
  Names durable_;
  std::vector<Change> pending_;  // In the order in which they came.
};

std::string DirectoryOf(std::string_view path);

}  // namespace mailhaul::store
