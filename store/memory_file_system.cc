#include "store/memory_file_system.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"

namespace mailhaul::store {
namespace {

constexpr size_t kSectorBytes = 512;
constexpr uint64_t kFreeBytesAtFirst = uint64_t{1} << 40;

struct PendingWrite {
  uint64_t offset = 0;
  std::string bytes;
};

void Overlay(std::string& contents, uint64_t offset, std::string_view bytes) {
  if (contents.size() < offset + bytes.size()) {
    contents.resize(offset + bytes.size(), '\0');
  }
  std::memcpy(contents.data() + offset, bytes.data(), bytes.size());
}

// Counts calls down to one that fails.
struct Trap {
  uint64_t calls = 0;
  std::map<uint64_t, Status> failures;

  void Set(uint64_t nth, Status status) { failures[calls + nth] = std::move(status); }
  Status Count() {
    const auto found = failures.find(++calls);
    return found == failures.end() ? Status::Ok() : found->second;
  }
};

}  // namespace

struct MemoryFileSystem::Inode {
  std::string contents;
  std::string durable;
  std::vector<PendingWrite> unsynced;
  bool name_durable = false;
};

struct MemoryFileSystem::Disk {
  mutable std::mutex mutex;
  std::map<std::string, std::shared_ptr<Inode>> files;  // All guarded by mutex.
  std::set<std::string> directories;
  uint64_t free_bytes = kFreeBytesAtFirst;
  uint64_t generation = 0;  // Of the machine: one more per power cut.
  bool frozen = false;
  Trap writes;
  Trap syncs;
};

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryFileSystem::Disk> disk,
             std::shared_ptr<MemoryFileSystem::Inode> inode)
      : disk_(std::move(disk)), inode_(std::move(inode)), generation_(disk_->generation) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    const std::lock_guard lock(disk_->mutex);
    if (offset >= inode_->contents.size()) {
      return size_t{0};
    }
    return inode_->contents.copy(out.data(), out.size(), offset);
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(disk_->mutex);
    MH_RETURN_IF_ERROR(CheckAliveLocked());
    MH_RETURN_IF_ERROR(disk_->writes.Count());
    const uint64_t end = offset + bytes.size();
    const uint64_t grown = end > inode_->contents.size() ? end - inode_->contents.size() : 0;
    if (grown > disk_->free_bytes) {
      return {Code::kDiskFull, "no space left"};
    }
    disk_->free_bytes -= grown;
    Overlay(inode_->contents, offset, bytes);
    inode_->unsynced.push_back({.offset = offset, .bytes = std::string(bytes)});
    return Status::Ok();
  }

  Status Sync() override {
    const std::lock_guard lock(disk_->mutex);
    MH_RETURN_IF_ERROR(CheckAliveLocked());
    MH_RETURN_IF_ERROR(disk_->syncs.Count());
    for (const PendingWrite& write : inode_->unsynced) {
      Overlay(inode_->durable, write.offset, write.bytes);
    }
    inode_->unsynced.clear();
    return Status::Ok();
  }

  Result<uint64_t> Size() const override {
    const std::lock_guard lock(disk_->mutex);
    return uint64_t{inode_->contents.size()};
  }

 private:
  Status CheckAliveLocked() const {
    if (disk_->frozen || generation_ != disk_->generation) {
      return {Code::kIo, "the machine is off"};
    }
    return Status::Ok();
  }

  const std::shared_ptr<MemoryFileSystem::Disk> disk_;
  const std::shared_ptr<MemoryFileSystem::Inode> inode_;
  const uint64_t generation_;
};

MemoryFileSystem::MemoryFileSystem() : disk_(std::make_shared<Disk>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

Status MemoryFileSystem::CreateDirectories(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  disk_->directories.insert(path);
  return Status::Ok();
}

Result<std::unique_ptr<File>> MemoryFileSystem::Create(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (disk_->frozen) {
    return Status(Code::kIo, "the machine is off");
  }
  const auto [found, inserted] = disk_->files.try_emplace(path, std::make_shared<Inode>());
  if (!inserted) {
    return Status(Code::kAlreadyExists, "creating " + path + ": File exists");
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(disk_, found->second));
}

Result<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const auto found = disk_->files.find(path);
  if (found == disk_->files.end()) {
    return Status(Code::kNotFound, "opening " + path + ": No such file");
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(disk_, found->second));
}

Status MemoryFileSystem::Remove(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const auto found = disk_->files.find(path);
  if (found == disk_->files.end()) {
    return {Code::kNotFound, "removing " + path + ": No such file"};
  }
  disk_->free_bytes += found->second->contents.size();
  disk_->files.erase(found);
  return Status::Ok();
}

Result<std::vector<std::string>> MemoryFileSystem::List(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->directories.contains(directory)) {
    return Status(Code::kNotFound, "listing " + directory + ": No such directory");
  }
  const std::string prefix = directory + "/";
  std::vector<std::string> names;
  for (const auto& [path, inode] : disk_->files) {
    if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos) {
      names.push_back(path.substr(prefix.size()));
    }
  }
  return names;
}

Status MemoryFileSystem::SyncDirectory(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  if (disk_->frozen) {
    return {Code::kIo, "the machine is off"};
  }
  for (const auto& [path, inode] : disk_->files) {
    if (path.starts_with(directory + "/")) {
      inode->name_durable = true;
    }
  }
  return Status::Ok();
}

Result<uint64_t> MemoryFileSystem::FreeBytes(const std::string& /*path*/) {
  const std::lock_guard lock(disk_->mutex);
  return disk_->free_bytes;
}

void MemoryFileSystem::Freeze() {
  const std::lock_guard lock(disk_->mutex);
  disk_->frozen = true;
}

void MemoryFileSystem::DropUnsynced(Random& random) {
  const std::lock_guard lock(disk_->mutex);
  disk_->frozen = false;
  ++disk_->generation;
  std::erase_if(disk_->files, [&random](const auto& entry) {
    return !entry.second->name_durable && random.Chance(1, 2);
  });
  for (auto& [path, old] : disk_->files) {
    // A new inode: handles from before keep what they saw.
    auto inode = std::make_shared<Inode>();
    inode->name_durable = true;
    inode->durable = old->durable;
    for (const PendingWrite& write : old->unsynced) {
      const size_t sectors = (write.bytes.size() + kSectorBytes - 1) / kSectorBytes;
      const size_t kept = random.Below(sectors + 1) * kSectorBytes;
      if (kept > 0) {
        Overlay(inode->durable, write.offset, std::string_view(write.bytes).substr(0, kept));
      }
    }
    inode->contents = inode->durable;
    old = std::move(inode);
  }
}

void MemoryFileSystem::FailWrite(uint64_t nth, Status status) {
  const std::lock_guard lock(disk_->mutex);
  disk_->writes.Set(nth, std::move(status));
}

void MemoryFileSystem::FailSync(uint64_t nth, Status status) {
  const std::lock_guard lock(disk_->mutex);
  disk_->syncs.Set(nth, std::move(status));
}

void MemoryFileSystem::SetFreeBytes(uint64_t bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->free_bytes = bytes;
}

void MemoryFileSystem::Tamper(const std::string& path, uint64_t offset, std::string_view bytes) {
  const std::lock_guard lock(disk_->mutex);
  const auto found = disk_->files.find(path);
  MH_CHECK(found != disk_->files.end());
  Overlay(found->second->contents, offset, bytes);
  Overlay(found->second->durable, offset, bytes);
}

uint64_t MemoryFileSystem::writes() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->writes.calls;
}

uint64_t MemoryFileSystem::syncs() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->syncs.calls;
}

}  // namespace mailhaul::store
