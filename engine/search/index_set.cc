#include "engine/search/index_set.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace mailhaul::search {
namespace {

namespace fs = std::filesystem;

Status FileFailure(const std::string& path, const std::error_code& error) {
  const bool full = error == std::errc::no_space_on_device;
  return {full ? Code::kDiskFull : Code::kIo, path + ": " + error.message()};
}

Status MakeDirectory(const std::string& path) {
  std::error_code error;
  fs::create_directory(path, error);
  if (!error) {
    fs::permissions(path, fs::perms::owner_all, error);
  }
  return error ? FileFailure(path, error) : Status();
}

}  // namespace

Result<IndexFile*> IndexSet::Writer(const IndexId& id) {
  const auto known = std::find_if(writers_.begin(), writers_.end(),
                                  [&id](const auto& each) { return each.first == id; });
  if (known != writers_.end()) {
    writers_.splice(writers_.begin(), writers_, known);
    return known->second.get();
  }
  MH_RETURN_IF_ERROR(MakeDirectory(directory_));
  MH_ASSIGN_OR_RETURN(std::unique_ptr<IndexFile> file, IndexFile::Open(PathOf(id), id, options_));
  writers_.emplace_front(id, std::move(file));
  if (writers_.size() > kWritersMax) {
    writers_.pop_back();
  }
  return writers_.front().second.get();
}

void IndexSet::Close(const IndexId& id) {
  writers_.remove_if([&id](const auto& each) { return each.first == id; });
}

Status IndexSet::Delete(const IndexId& id) {
  Close(id);
  const std::lock_guard<std::mutex> lock(mutex_);
  ++deletions_;
  readers_.remove_if([&id](const IdleReader& each) { return each.id == id; });
  damaged_.erase(id);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code error;
    fs::remove(PathOf(id) + suffix, error);
    if (error) {
      return FileFailure(PathOf(id) + suffix, error);
    }
  }
  return {};
}

std::set<IndexId> IndexSet::TakeDamaged() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(damaged_, {});
}

Result<IndexSet::Lent> IndexSet::TakeReader(const IndexId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Lent lent{.reader = nullptr, .deletions = deletions_};
  const auto idle = std::find_if(readers_.begin(), readers_.end(),
                                 [&id](const IdleReader& each) { return each.id == id; });
  if (idle != readers_.end()) {
    lent.reader = std::move(idle->reader);
    readers_.erase(idle);
    return lent;
  }
  Result<std::unique_ptr<IndexReader>> opened = IndexReader::Open(PathOf(id), id);
  if (!opened.ok()) {
    if (opened.status().code() == Code::kCorrupt) {
      damaged_.insert(id);
    }
    return opened.status();
  }
  lent.reader = std::move(opened).value();
  return lent;
}

void IndexSet::GiveBack(const IndexId& id, Lent lent) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (lent.deletions != deletions_) {
    return;  // Perhaps of a file that is no more.
  }
  readers_.push_front({.id = id, .reader = std::move(lent.reader)});
  if (readers_.size() > kReadersMax) {
    readers_.pop_back();
  }
}

void IndexSet::NoteDamaged(const IndexId& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  damaged_.insert(id);
}

}  // namespace mailhaul::search
