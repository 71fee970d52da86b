#include "engine/config/references.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "engine/config/report.h"

namespace mailhaul::config {
namespace {

constexpr size_t kReadBytes = size_t{64} * 1024;

class FileHandle final {
 public:
  explicit FileHandle(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  ~FileHandle() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status Failure(std::string reason) { return {Code::kInvalidArgument, std::move(reason)}; }

Status SystemFailure() { return Failure(std::generic_category().message(errno)); }

}  // namespace

bool IsReadableByOthers(mode_t mode, uid_t owner) {
  constexpr uid_t kRoot = 0;
  return (mode & S_IROTH) != 0 || ((mode & S_IRGRP) != 0 && owner != kRoot);
}

const char* SystemReferences::Environment(const std::string& name) {
  return environment_(name.c_str());
}

Result<FileText> SystemReferences::ReadFile(const std::string& path, size_t bytes_max) {
  const FileHandle file(path);
  struct stat info {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) {
    return SystemFailure();
  }
  if (!S_ISREG(info.st_mode)) {
    return Failure("not a regular file");
  }
  FileText text;
  text.readable_by_others = IsReadableByOthers(info.st_mode, info.st_uid);
  while (true) {
    const size_t used = text.bytes.size();
    if (used > bytes_max) {
      return Failure("larger than " + std::to_string(bytes_max) + " bytes");
    }
    const size_t wanted = std::min(kReadBytes, bytes_max + 1 - used);
    text.bytes.resize(used + wanted);
    const ssize_t got = read(file.get(), text.bytes.data() + used, wanted);
    text.bytes.resize(used + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno != EINTR) {
      return SystemFailure();
    }
    if (got == 0) {
      return text;
    }
  }
}

std::string ResolvePath(const std::string& file, const std::string& path) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

std::string CannotRead(const std::string& path, const Status& failure) {
  return "cannot read " + EscapeForLog(path, kShownPathBytesMax) + ": " + failure.message();
}

}  // namespace mailhaul::config
