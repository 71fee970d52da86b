#include "store/rocksdb_files.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace mailhaul::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// As RocksDB's own file system reports the same errors.
IOStatus ToIoStatus(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return IOStatus::OK();
    case Code::kDiskFull: {
      IOStatus full = IOStatus::NoSpace(status.message());
      full.SetRetryable(true);
      return full;
    }
    case Code::kNotFound:
      return IOStatus::PathNotFound(status.message());
    case Code::kStoreLocked:
      return IOStatus::IOError("lock hold by somebody else: " + status.message());
    default:
      return IOStatus::IOError(status.message());
  }
}

// RocksDB writes slashes twice, and behind directories.
std::string Clean(const std::string& path) {
  std::string clean;
  for (const char c : path) {
    if (c != '/' || clean.empty() || clean.back() != '/') {
      clean.push_back(c);
    }
  }
  if (clean.size() > 1 && clean.back() == '/') {
    clean.pop_back();
  }
  return clean;
}

IOStatus ReadInto(const File& file, uint64_t offset, size_t count, Slice* result, char* scratch) {
  const Result<size_t> got = file.ReadAt(offset, {scratch, count});
  *result = Slice(scratch, got.ok() ? *got : 0);
  return ToIoStatus(got.status());
}

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  IOStatus Read(size_t count, const IOOptions& /*options*/, Slice* result, char* scratch,
                IODebugContext* /*debug*/) override {
    IOStatus status = ReadInto(*file_, position_, count, result, scratch);
    position_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t count) override {
    const Result<uint64_t> size = file_->Size();
    if (size.ok()) {
      position_ = std::min(position_ + count, *size);
    }
    return ToIoStatus(size.status());
  }

 private:
  const std::unique_ptr<File> file_;
  uint64_t position_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t count, const IOOptions& /*options*/, Slice* result,
                char* scratch, IODebugContext* /*debug*/) const override {
    return ReadInto(*file_, offset, count, result, scratch);
  }

 private:
  const std::unique_ptr<File> file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::unique_ptr<File> file, uint64_t size) : file_(std::move(file)), size_(size) {}
  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions& /*options*/,
                  IODebugContext* /*debug*/) override {
    const Status status = file_->WriteAt(size_, {data.data(), data.size()});
    if (status.ok()) {
      size_ += data.size();
    }
    return ToIoStatus(status);
  }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return ToIoStatus(file_->Sync());
  }
  uint64_t GetFileSize(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return size_;
  }

 private:
  const std::unique_ptr<File> file_;
  uint64_t size_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return ToIoStatus(files_.SyncDirectory(path_));
  }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }

 private:
  FileSystem& files_;
  const std::string path_;
};

class HeldLock final : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::unique_ptr<store::FileLock> lock) : lock_(std::move(lock)) {}

 private:
  const std::unique_ptr<store::FileLock> lock_;
};

class Files final : public rocksdb::FileSystem {
 public:
  explicit Files(store::FileSystem& files) : files_(files) {}
  const char* Name() const override { return "mailhaul"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& /*options*/,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext* /*debug*/) override {
    return OpenAs<SequentialFile>(path, result);
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& /*options*/,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext* /*debug*/) override {
    return OpenAs<RandomAccessFile>(path, result);
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions& /*options*/,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* /*debug*/) override {
    const Status removed = files_.Remove(Clean(path));
    if (!removed.ok() && removed.code() != Code::kNotFound) {
      return ToIoStatus(removed);
    }
    Result<std::unique_ptr<File>> file = files_.Create(Clean(path));
    if (file.ok()) {
      *result = std::make_unique<WritableFile>(std::move(file).value(), 0);
    }
    return ToIoStatus(file.status());
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& /*options*/,
                        std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext* /*debug*/) override {
    const Result<FileInfo> info = files_.Stat(Clean(path));
    if (info.ok()) {
      *result = std::make_unique<Directory>(files_, Clean(path));
    }
    return ToIoStatus(info.status());
  }
  IOStatus FileExists(const std::string& path, const IOOptions& /*options*/,
                      IODebugContext* /*debug*/) override {
    const Status status = files_.Stat(Clean(path)).status();
    return status.code() == Code::kNotFound ? IOStatus::NotFound(path) : ToIoStatus(status);
  }
  IOStatus GetChildren(const std::string& path, const IOOptions& /*options*/,
                       std::vector<std::string>* result, IODebugContext* /*debug*/) override {
    Result<std::vector<std::string>> names = files_.List(Clean(path));
    if (names.ok()) {
      *result = std::move(names).value();
      return IOStatus::OK();
    }
    return names.status().code() == Code::kNotFound ? IOStatus::NotFound(path)
                                                    : ToIoStatus(names.status());
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& /*options*/,
                      IODebugContext* /*debug*/) override {
    return ToIoStatus(files_.Remove(Clean(path)));
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& /*options*/,
                     IODebugContext* /*debug*/) override {
    return ToIoStatus(files_.CreateDirectories(Clean(path)));
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& /*options*/,
                              IODebugContext* /*debug*/) override {
    return ToIoStatus(files_.CreateDirectories(Clean(path)));
  }
  IOStatus DeleteDir(const std::string& /*path*/, const IOOptions& /*options*/,
                     IODebugContext* /*debug*/) override {
    return IOStatus::NotSupported("DeleteDir");
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions& /*options*/, uint64_t* size,
                       IODebugContext* /*debug*/) override {
    const Result<FileInfo> info = files_.Stat(Clean(path));
    *size = info.ok() ? info->bytes : 0;
    return ToIoStatus(info.status());
  }
  IOStatus GetFileModificationTime(const std::string& /*path*/, const IOOptions& /*options*/,
                                   uint64_t* time, IODebugContext* /*debug*/) override {
    *time = 0;  // Asked for archived logs only, of which there are none.
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& /*options*/,
                      IODebugContext* /*debug*/) override {
    return ToIoStatus(files_.Rename(Clean(from), Clean(to)));
  }
  IOStatus LockFile(const std::string& path, const IOOptions& /*options*/, rocksdb::FileLock** lock,
                    IODebugContext* /*debug*/) override {
    Result<std::unique_ptr<store::FileLock>> taken = files_.Lock(Clean(path));
    *lock = taken.ok() ? new HeldLock(std::move(taken).value()) : nullptr;
    return ToIoStatus(taken.status());
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions& /*options*/,
                      IODebugContext* /*debug*/) override {
    delete lock;  // RocksDB's contract: it was made by LockFile().
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions& /*options*/, std::string* /*path*/,
                            IODebugContext* /*debug*/) override {
    return IOStatus::NotSupported("GetTestDirectory");
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions& /*options*/,
                           std::string* absolute, IODebugContext* /*debug*/) override {
    *absolute = path;
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions& /*options*/, bool* directory,
                       IODebugContext* /*debug*/) override {
    const Result<FileInfo> info = files_.Stat(Clean(path));
    *directory = info.ok() && info->directory;
    return ToIoStatus(info.status());
  }
  IOStatus GetFreeSpace(const std::string& path, const IOOptions& /*options*/, uint64_t* bytes,
                        IODebugContext* /*debug*/) override {
    const Result<uint64_t> free = files_.FreeBytes(Clean(path));
    *bytes = free.ok() ? *free : 0;
    return ToIoStatus(free.status());
  }

 private:
  template <typename Opened, typename Base>
  IOStatus OpenAs(const std::string& path, std::unique_ptr<Base>* result) {
    Result<std::unique_ptr<File>> file = files_.Open(Clean(path));
    if (file.ok()) {
      *result = std::make_unique<Opened>(std::move(file).value());
    }
    return ToIoStatus(file.status());
  }

  store::FileSystem& files_;
};

}  // namespace

std::shared_ptr<void> MakeRocksDbEnv(FileSystem& files) {
  return std::shared_ptr<rocksdb::Env>(rocksdb::NewCompositeEnv(std::make_shared<Files>(files)));
}

}  // namespace mailhaul::store
