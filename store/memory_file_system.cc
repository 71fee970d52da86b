#include "store/memory_file_system.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "store/memory_disk.h"

namespace mailhaul::store {
namespace {

constexpr uint64_t kFreeBytesAtFirst = uint64_t{1} << 40;

Status Off() { return {Code::kIo, "the machine is off"}; }

}  // namespace

struct MemoryFileSystem::Disk {
  mutable std::mutex mutex;
  MemoryNames names;  // All guarded by mutex.
  std::set<std::string> directories;
  std::set<std::string> directories_in_order;
  std::set<std::string> locks;
  uint64_t free_bytes = kFreeBytesAtFirst;
  uint64_t generation = 0;  // Of the machine: one more per power cut.
  bool frozen = false;
  std::optional<uint64_t> last_operation;  // The machine goes off with it.
  FaultPlan operations;
  FaultPlan reads;
  FaultPlan writes;
  FaultPlan syncs;
  std::function<void()> on_sync;
  std::function<void()> after_next_sync;

  enum class Needs : uint8_t { kRoom, kNoRoom };

  // How an operation begins: Off() with `is_last` set when its effect is the last to be heard of.
  Status BeginLocked(Needs needs, bool& is_last) {
    if (frozen) {
      return Off();
    }
    const Status planned = operations.Next();
    if (last_operation && operations.calls() >= *last_operation) {
      frozen = true;
      is_last = true;
      return Off();
    }
    return planned.code() == Code::kDiskFull && needs == Needs::kNoRoom ? Status::Ok() : planned;
  }
  void RunAfterSync() {
    std::function<void()> hook;
    {
      const std::lock_guard lock(mutex);
      hook = std::exchange(after_next_sync, nullptr);
    }
    if (hook) {
      hook();
    }
  }
  // A change of a directory is heard of or not; both are what a power cut may do with it later.
  Status BeginLocked(Needs needs) {
    bool is_last = false;
    return BeginLocked(needs, is_last);
  }
};

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<MemoryFileSystem::Disk> disk, std::shared_ptr<MemoryInode> inode)
      : disk_(std::move(disk)), inode_(std::move(inode)), generation_(disk_->generation) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    const std::lock_guard lock(disk_->mutex);
    MH_RETURN_IF_ERROR(disk_->reads.Next());
    if (offset >= inode_->contents.size()) {
      return size_t{0};
    }
    return inode_->contents.copy(out.data(), out.size(), offset);
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(disk_->mutex);
    MH_RETURN_IF_ERROR(CheckAliveLocked());
    bool is_last = false;
    Status status = disk_->BeginLocked(Disk::Needs::kRoom, is_last);
    if (status.ok()) {
      status = disk_->writes.Next();
    }
    if (!status.ok() && !is_last) {
      bytes = bytes.substr(0, bytes.size() / 2);
    }
    const uint64_t room = inode_->contents.size() + disk_->free_bytes;
    if (offset + bytes.size() > room) {
      bytes = bytes.substr(0, room > offset ? room - offset : 0);
      status = status.ok() ? Status(Code::kDiskFull, "no space left") : status;
    }
    if (!bytes.empty()) {
      const size_t before = inode_->contents.size();
      inode_->Write(offset, bytes);
      disk_->free_bytes -= inode_->contents.size() - before;
    }
    return status;
  }

  Status Sync() override {
    const std::function<void()> hook = [this] {
      const std::lock_guard lock(disk_->mutex);
      return disk_->on_sync;
    }();
    if (hook) {
      hook();
    }
    const Status status = SyncNow();
    disk_->RunAfterSync();
    return status;
  }

  Result<uint64_t> Size() const override {
    const std::lock_guard lock(disk_->mutex);
    return uint64_t{inode_->contents.size()};
  }

 private:
  using Disk = MemoryFileSystem::Disk;

  Status SyncNow() {
    const std::lock_guard lock(disk_->mutex);
    MH_RETURN_IF_ERROR(CheckAliveLocked());
    bool is_last = false;
    Status status = disk_->BeginLocked(Disk::Needs::kNoRoom, is_last);
    if (status.ok()) {
      status = disk_->syncs.Next();
    }
    if (status.ok()) {
      inode_->Sync();
    } else if (!is_last) {
      inode_->unsynced.clear();
    }
    return status;
  }

  Status CheckAliveLocked() const {
    return disk_->frozen || generation_ != disk_->generation ? Off() : Status::Ok();
  }

  const std::shared_ptr<Disk> disk_;
  const std::shared_ptr<MemoryInode> inode_;
  const uint64_t generation_;
};

class MemoryFileLock final : public FileLock {
 public:
  MemoryFileLock(std::shared_ptr<MemoryFileSystem::Disk> disk, std::string path)
      : disk_(std::move(disk)), path_(std::move(path)), generation_(disk_->generation) {}
  ~MemoryFileLock() override {
    const std::lock_guard lock(disk_->mutex);
    if (generation_ == disk_->generation) {
      disk_->locks.erase(path_);
    }
  }
  MemoryFileLock(const MemoryFileLock&) = delete;
  MemoryFileLock& operator=(const MemoryFileLock&) = delete;

 private:
  const std::shared_ptr<MemoryFileSystem::Disk> disk_;
  const std::string path_;
  const uint64_t generation_;
};

MemoryFileSystem::MemoryFileSystem() : disk_(std::make_shared<Disk>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

Status MemoryFileSystem::CreateDirectories(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (disk_->directories.contains(path)) {
    return Status::Ok();
  }
  MH_RETURN_IF_ERROR(disk_->BeginLocked(Disk::Needs::kRoom));
  for (std::string parent = path; !parent.empty() && parent != "."; parent = DirectoryOf(parent)) {
    disk_->directories.insert(parent);
  }
  return Status::Ok();
}

Result<std::unique_ptr<File>> MemoryFileSystem::Create(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->frozen && disk_->names.Find(path) != nullptr) {
    return Status(Code::kAlreadyExists, "creating " + path + ": File exists");
  }
  MH_RETURN_IF_ERROR(disk_->BeginLocked(Disk::Needs::kRoom));
  auto inode = std::make_shared<MemoryInode>();
  disk_->names.Create(path, inode);
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(disk_, std::move(inode)));
}

Result<std::unique_ptr<File>> MemoryFileSystem::Open(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  std::shared_ptr<MemoryInode> inode = disk_->names.Find(path);
  if (inode == nullptr) {
    return Status(Code::kNotFound, "opening " + path + ": No such file");
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(disk_, std::move(inode)));
}

Status MemoryFileSystem::Remove(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const std::shared_ptr<MemoryInode> inode = disk_->names.Find(path);
  if (inode == nullptr) {
    return {Code::kNotFound, "removing " + path + ": No such file"};
  }
  MH_RETURN_IF_ERROR(disk_->BeginLocked(Disk::Needs::kNoRoom));
  disk_->free_bytes += inode->contents.size();
  disk_->names.Remove(path);
  return Status::Ok();
}

Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(disk_->mutex);
  MH_CHECK(DirectoryOf(from) == DirectoryOf(to));
  if (disk_->names.Find(from) == nullptr) {
    return {Code::kNotFound, "renaming " + from + ": No such file"};
  }
  MH_RETURN_IF_ERROR(disk_->BeginLocked(Disk::Needs::kNoRoom));
  if (const std::shared_ptr<MemoryInode> replaced = disk_->names.Find(to)) {
    disk_->free_bytes += replaced->contents.size();
  }
  disk_->names.Rename(from, to);
  return Status::Ok();
}

Result<FileInfo> MemoryFileSystem::Stat(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (disk_->directories.contains(path)) {
    return FileInfo{.directory = true, .bytes = 0};
  }
  const std::shared_ptr<MemoryInode> inode = disk_->names.Find(path);
  if (inode == nullptr) {
    return Status(Code::kNotFound, "looking at " + path + ": No such file");
  }
  return FileInfo{.directory = false, .bytes = inode->contents.size()};
}

Result<std::vector<std::string>> MemoryFileSystem::List(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->directories.contains(directory)) {
    return Status(Code::kNotFound, "listing " + directory + ": No such directory");
  }
  std::set<std::string> names;
  for (const auto& [path, inode] : disk_->names.now()) {
    if (DirectoryOf(path) == directory) {
      names.insert(path.substr(directory.size() + 1));
    }
  }
  for (const std::string& path : disk_->directories) {
    if (DirectoryOf(path) == directory) {
      names.insert(path.substr(directory.size() + 1));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Status MemoryFileSystem::SyncDirectory(const std::string& directory) {
  {
    const std::lock_guard lock(disk_->mutex);
    MH_RETURN_IF_ERROR(disk_->BeginLocked(Disk::Needs::kNoRoom));
    disk_->names.SyncDirectory(directory);
  }
  disk_->RunAfterSync();
  return Status::Ok();
}

Result<uint64_t> MemoryFileSystem::FreeBytes(const std::string& /*path*/) {
  const std::lock_guard lock(disk_->mutex);
  return disk_->free_bytes;
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::Lock(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->locks.insert(path).second) {
    return Status(Code::kStoreLocked, path + " is locked by somebody else");
  }
  return std::unique_ptr<FileLock>(std::make_unique<MemoryFileLock>(disk_, path));
}

void MemoryFileSystem::Freeze() {
  const std::lock_guard lock(disk_->mutex);
  disk_->frozen = true;
}

void MemoryFileSystem::DropUnsynced(Random& random) {
  const std::lock_guard lock(disk_->mutex);
  disk_->frozen = false;
  disk_->last_operation.reset();
  ++disk_->generation;
  disk_->locks.clear();
  uint64_t bytes = disk_->free_bytes;
  for (const auto& [path, inode] : disk_->names.now()) {
    bytes += inode->contents.size();
  }
  disk_->names.DropUnsynced(random);
  std::map<std::shared_ptr<MemoryInode>, std::shared_ptr<MemoryInode>> survivors;
  for (const auto& [path, old] : disk_->names.now()) {
    // A new inode: handles from before keep what they saw.
    auto inode = std::make_shared<MemoryInode>();
    inode->durable = old->Survivor(random, disk_->directories_in_order.contains(DirectoryOf(path)));
    inode->contents = inode->durable;
    bytes -= std::min<uint64_t>(bytes, inode->contents.size());
    survivors.emplace(old, std::move(inode));
  }
  disk_->names.Replace(survivors);
  disk_->free_bytes = bytes;
}

void MemoryFileSystem::KeepWritesInOrder(const std::string& directory) {
  const std::lock_guard lock(disk_->mutex);
  disk_->directories_in_order.insert(directory);
}

void MemoryFileSystem::FreezeAt(uint64_t nth) {
  const std::lock_guard lock(disk_->mutex);
  disk_->last_operation = disk_->operations.calls() + nth;
}

void MemoryFileSystem::FailOperations(uint64_t nth, uint64_t count, Status status) {
  const std::lock_guard lock(disk_->mutex);
  disk_->operations.Fail(nth, count, std::move(status));
}

void MemoryFileSystem::FailReads(uint64_t nth, uint64_t count, Status status) {
  const std::lock_guard lock(disk_->mutex);
  disk_->reads.Fail(nth, count, std::move(status));
}

void MemoryFileSystem::FailWrite(uint64_t nth, Status status) {
  const std::lock_guard lock(disk_->mutex);
  disk_->writes.Fail(nth, 1, std::move(status));
}

void MemoryFileSystem::FailSync(uint64_t nth, Status status) {
  const std::lock_guard lock(disk_->mutex);
  disk_->syncs.Fail(nth, 1, std::move(status));
}

void MemoryFileSystem::ClearFailures() {
  const std::lock_guard lock(disk_->mutex);
  for (FaultPlan* plan : {&disk_->operations, &disk_->reads, &disk_->writes, &disk_->syncs}) {
    plan->Clear();
  }
}

void MemoryFileSystem::SetFreeBytes(uint64_t bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->free_bytes = bytes;
}

void MemoryFileSystem::AfterNextSync(std::function<void()> hook) {
  const std::lock_guard lock(disk_->mutex);
  disk_->after_next_sync = std::move(hook);
}

void MemoryFileSystem::OnSync(std::function<void()> hook) {
  const std::lock_guard lock(disk_->mutex);
  disk_->on_sync = std::move(hook);
}

void MemoryFileSystem::Tamper(const std::string& path, uint64_t offset, std::string_view bytes) {
  const std::lock_guard lock(disk_->mutex);
  const std::shared_ptr<MemoryInode> inode = disk_->names.Find(path);
  MH_CHECK(inode != nullptr);
  std::vector<MemoryInode::Unsynced> unsynced = std::exchange(inode->unsynced, {});
  inode->Write(offset, bytes);
  inode->Sync();
  inode->unsynced = std::move(unsynced);
}

uint64_t MemoryFileSystem::writes() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->writes.calls();
}

uint64_t MemoryFileSystem::syncs() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->syncs.calls();
}

uint64_t MemoryFileSystem::operations() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->operations.calls();
}

uint64_t MemoryFileSystem::reads() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->reads.calls();
}

bool MemoryFileSystem::frozen() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->frozen;
}

}  // namespace mailhaul::store
