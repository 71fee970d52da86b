#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "store/aligned_buffer.h"
#include "store/file_system.h"

namespace mailhaul::store {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

Status ErrnoStatus(int error, std::string_view what, const std::string& path) {
  Code code = Code::kIo;
  if (error == ENOSPC || error == EDQUOT) {
    code = Code::kDiskFull;
  } else if (error == ENOENT) {
    code = Code::kNotFound;
  } else if (error == EEXIST) {
    code = Code::kAlreadyExists;
  }
  return {code, std::string(what) + " " + EscapeForLog(path) + ": " +
                    std::generic_category().message(error)};
}

class Descriptor final {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Close() {
    if (fd_ >= 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }

 private:
  int fd_;
};

int OpenRetrying(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, kFileMode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Aligned writes bypass the page cache: a quarter of the processor time of buffered ones, and mail
// just stored does not push out what is being read. Everything else goes through the cache.
class PosixFile final : public File {
 public:
  PosixFile(std::string path, int fd, int direct_fd)
      : path_(std::move(path)), buffered_(fd), direct_(direct_fd) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t count = ::pread(buffered_.get(), out.data() + done, out.size() - done,
                                    static_cast<off_t>(offset + done));
      if (count == 0) {
        break;
      }
      if (count < 0) {
        if (errno == EINTR) {
          continue;
        }
        return ErrnoStatus(errno, "reading", path_);
      }
      done += static_cast<size_t>(count);
    }
    return done;
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    if (direct_.valid() && IsAligned(offset, bytes)) {
      size_t done = 0;
      const int error = WriteAll(direct_.get(), offset, bytes, done);
      if (error == 0) {
        return Status::Ok();
      }
      if (error != EINVAL) {
        return ErrnoStatus(error, "writing", path_);
      }
      direct_.Close();  // The file system refuses after all.
    }
    size_t done = 0;
    const int error = WriteAll(buffered_.get(), offset, bytes, done);
    return error == 0 ? Status::Ok() : ErrnoStatus(error, "writing", path_);
  }

  Status Sync() override {
    if (::fdatasync(buffered_.get()) != 0) {
      return {Code::kIo, ErrnoStatus(errno, "syncing", path_).message()};
    }
    return Status::Ok();
  }

  Result<uint64_t> Size() const override {
    struct stat info {};
    if (::fstat(buffered_.get(), &info) != 0) {
      return ErrnoStatus(errno, "looking at", path_);
    }
    return static_cast<uint64_t>(info.st_size);
  }

  void Preallocate(uint64_t offset, uint64_t bytes) override {
    // Best effort: a write that finds no room says so itself.
    static_cast<void>(::fallocate(buffered_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                                  static_cast<off_t>(bytes)));
  }
  void Trim() override {
    // Best effort: what stays reserved is told of by nobody, and lost only until the file goes.
    if (const Result<uint64_t> size = Size(); size.ok()) {
      [[maybe_unused]] const int error = ::ftruncate(buffered_.get(), static_cast<off_t>(*size));
    }
  }

 private:
  static bool IsAligned(uint64_t offset, std::string_view bytes) {
    const auto address = reinterpret_cast<uintptr_t>(bytes.data());
    return (offset | bytes.size() | address) % kBlockBytes == 0;
  }

  // The error number, 0 for none.
  static int WriteAll(int fd, uint64_t offset, std::string_view bytes, size_t& done) {
    while (done < bytes.size()) {
      const ssize_t count =
          ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno != EINTR) {
        return errno;
      }
      done += count > 0 ? static_cast<size_t>(count) : 0;
    }
    return 0;
  }

  const std::string path_;
  Descriptor buffered_;
  Descriptor direct_;  // Invalid where the file system has no direct I/O. Writer's thread only.
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(int fd) : fd_(fd) {}
  bool Take() const { return fd_.valid() && ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0; }

 private:
  Descriptor fd_;  // Closing it gives the lock back.
};

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status SyncPath(const std::string& directory) {
  const Descriptor fd(OpenRetrying(directory, O_RDONLY | O_DIRECTORY));
  if (!fd.valid()) {
    return ErrnoStatus(errno, "opening directory", directory);
  }
  if (::fsync(fd.get()) != 0) {
    return ErrnoStatus(errno, "syncing directory", directory);
  }
  return Status::Ok();
}

Status MakeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) {
    return SyncPath(ParentOf(path));
  }
  const int error = errno;
  struct stat info {};
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return Status::Ok();
  }
  return ErrnoStatus(error, "creating directory", path);
}

}  // namespace

Status PosixFileSystem::CreateDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    MH_RETURN_IF_ERROR(MakeDirectory(path.substr(0, slash)));
  }
  return MakeDirectory(path);
}

Result<std::unique_ptr<File>> PosixFileSystem::Create(const std::string& path) {
  const int fd = OpenRetrying(path, O_RDWR | O_CREAT | O_EXCL);
  if (fd < 0) {
    return ErrnoStatus(errno, "creating", path);
  }
  const int direct_fd = OpenRetrying(path, O_WRONLY | O_DIRECT);  // -1: no direct I/O here.
  return std::unique_ptr<File>(std::make_unique<PosixFile>(path, fd, direct_fd));
}

Result<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path) {
  const int fd = OpenRetrying(path, O_RDWR);
  if (fd < 0) {
    return ErrnoStatus(errno, "opening", path);
  }
  return std::unique_ptr<File>(std::make_unique<PosixFile>(path, fd, -1));
}

Status PosixFileSystem::Remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    return ErrnoStatus(errno, "removing", path);
  }
  return Status::Ok();
}

Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return ErrnoStatus(errno, "renaming", from);
  }
  return Status::Ok();
}

Result<FileInfo> PosixFileSystem::Stat(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return ErrnoStatus(errno, "looking at", path);
  }
  return FileInfo{.directory = S_ISDIR(info.st_mode), .bytes = static_cast<uint64_t>(info.st_size)};
}

Result<std::vector<std::string>> PosixFileSystem::List(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), &::closedir);
  if (stream == nullptr) {
    return ErrnoStatus(errno, "listing", directory);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): own stream.
    if (entry == nullptr) {
      break;
    }
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  if (errno != 0) {
    return ErrnoStatus(errno, "listing", directory);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixFileSystem::SyncDirectory(const std::string& directory) { return SyncPath(directory); }

Result<uint64_t> PosixFileSystem::FreeBytes(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) {
    return ErrnoStatus(errno, "looking at the file system of", path);
  }
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path) {
  const int fd = OpenRetrying(path, O_RDWR | O_CREAT);
  if (fd < 0) {
    return ErrnoStatus(errno, "opening", path);
  }
  auto lock = std::make_unique<PosixFileLock>(fd);
  if (!lock->Take()) {
    const int error = errno;
    return error == EWOULDBLOCK
               ? Status(Code::kStoreLocked, EscapeForLog(path) + " is locked by somebody else")
               : ErrnoStatus(error, "locking", path);
  }
  return std::unique_ptr<FileLock>(std::move(lock));
}

}  // namespace mailhaul::store
