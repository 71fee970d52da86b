#include "store/memory_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailhaul::store {
namespace {

constexpr uint64_t kSectorBytes = 512;

void Overlay(std::string& contents, uint64_t offset, std::string_view bytes) {
  if (contents.size() < offset + bytes.size()) {
    contents.resize(offset + bytes.size(), '\0');
  }
  std::memcpy(contents.data() + offset, bytes.data(), bytes.size());
}

// Writes those sectors of a write that `keeps` chooses, given how many sectors it touches.
template <typename Keeps>
void OverlaySectors(std::string& contents, const MemoryInode::Unsynced& write, const Keeps& keeps) {
  std::string_view rest = write.bytes;
  uint64_t offset = write.offset;
  for (uint64_t sector = 0; !rest.empty(); ++sector) {
    const uint64_t count = std::min<uint64_t>(rest.size(), kSectorBytes - offset % kSectorBytes);
    if (keeps(sector)) {
      Overlay(contents, offset, rest.substr(0, count));
    }
    rest.remove_prefix(count);
    offset += count;
  }
}

uint64_t SectorsOf(const MemoryInode::Unsynced& write) {
  return (write.offset % kSectorBytes + write.bytes.size() + kSectorBytes - 1) / kSectorBytes;
}

}  // namespace

std::string DirectoryOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? "." : path.substr(0, slash));
}

void MemoryInode::Write(uint64_t offset, std::string_view bytes) {
  Overlay(contents, offset, bytes);
  unsynced.push_back({.offset = offset, .bytes = std::string(bytes)});
}

void MemoryInode::Sync() {
  for (const Unsynced& write : unsynced) {
    Overlay(durable, write.offset, write.bytes);
  }
  unsynced.clear();
}

std::string MemoryInode::Survivor(Random& random, bool in_order) const {
  std::string survivor = durable;
  const size_t torn = in_order ? random.Below(unsynced.size() + 1) : unsynced.size();
  for (size_t i = 0; i < unsynced.size(); ++i) {
    const Unsynced& write = unsynced[i];
    if (in_order && i < torn) {
      Overlay(survivor, write.offset, write.bytes);
    } else if (in_order && i > torn) {
      break;
    } else if (random.Chance(1, 2)) {
      const uint64_t kept = random.Below(SectorsOf(write) + 1);
      OverlaySectors(survivor, write, [kept](uint64_t sector) { return sector < kept; });
    } else if (!in_order) {
      OverlaySectors(survivor, write, [&random](uint64_t) { return random.Chance(1, 2); });
    }
  }
  return survivor;
}

void FaultPlan::Fail(uint64_t nth, uint64_t count, Status status) {
  faults_.push_back({.first = calls_ + nth, .count = count, .status = std::move(status)});
}

Status FaultPlan::Next() {
  ++calls_;
  for (const Fault& fault : faults_) {
    if (calls_ >= fault.first && calls_ - fault.first < fault.count) {
      return fault.status;
    }
  }
  return Status::Ok();
}

MemoryNames::Inode MemoryNames::Find(const std::string& path) const {
  const auto found = now_.find(path);
  return found == now_.end() ? nullptr : found->second;
}

void MemoryNames::Apply(const Change& change, Names& names) {
  switch (change.kind) {
    case Kind::kCreate:
      names.insert_or_assign(change.path, change.inode);
      break;
    case Kind::kRemove:
      names.erase(change.path);
      break;
    case Kind::kRename:
      if (const auto found = names.find(change.path); found != names.end()) {
        Inode inode = std::move(found->second);
        names.erase(found);
        names.insert_or_assign(change.target, std::move(inode));
      }
      break;
  }
}

void MemoryNames::Create(const std::string& path, const Inode& inode) {
  pending_.push_back({.kind = Kind::kCreate, .path = path, .target = {}, .inode = inode});
  Apply(pending_.back(), now_);
}

void MemoryNames::Remove(const std::string& path) {
  pending_.push_back({.kind = Kind::kRemove, .path = path, .target = {}, .inode = nullptr});
  Apply(pending_.back(), now_);
}

void MemoryNames::Rename(const std::string& from, const std::string& to) {
  pending_.push_back({.kind = Kind::kRename, .path = from, .target = to, .inode = nullptr});
  Apply(pending_.back(), now_);
}

void MemoryNames::SyncDirectory(const std::string& directory) {
  std::erase_if(pending_, [&](const Change& change) {
    if (DirectoryOf(change.path) != directory) {
      return false;
    }
    Apply(change, durable_);
    return true;
  });
}

std::vector<bool> MemoryNames::ChooseKept(const std::vector<const Change*>& changes,
                                          Random& random) {
  std::vector<bool> kept(changes.size());
  size_t ordered = 0;  // So many of the first are kept for the sake of a rename.
  for (size_t i = 0; i < changes.size(); ++i) {
    kept[i] = random.Chance(1, 2);
    if (kept[i] && changes[i]->kind == Kind::kRename) {
      ordered = i + 1;
    }
  }
  std::fill_n(kept.begin(), ordered, true);
  return kept;
}

void MemoryNames::DropUnsynced(Random& random) {
  std::map<std::string, std::vector<const Change*>> by_directory;
  for (const Change& change : pending_) {
    by_directory[DirectoryOf(change.path)].push_back(&change);
  }
  for (const auto& [directory, changes] : by_directory) {
    const std::vector<bool> kept = ChooseKept(changes, random);
    for (size_t i = 0; i < changes.size(); ++i) {
      if (kept[i]) {
        Apply(*changes[i], durable_);
      }
    }
  }
  pending_.clear();
  now_ = durable_;
}

void MemoryNames::Replace(const std::map<Inode, Inode>& inodes) {
  for (auto& [path, inode] : now_) {
    inode = inodes.at(inode);
  }
  durable_ = now_;
}

}  // namespace mailhaul::store
