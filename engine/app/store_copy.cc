#include "engine/app/store_copy.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "base/ids.h"
#include "base/random.h"
#include "engine/app/control_socket.h"

namespace mailhaul::app {
namespace {

constexpr std::chrono::hours kForgottenAfter{24};
constexpr size_t kCopyBytes = size_t{1} << 20;

Result<uint64_t> CopyFile(store::FileSystem& files, const std::string& from,
                          const std::string& to) {
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::File> source, files.Open(from));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::File> target, files.Create(to));
  std::vector<char> buffer(kCopyBytes);
  uint64_t offset = 0;
  for (;;) {
    MH_ASSIGN_OR_RETURN(const size_t got, source->ReadAt(offset, buffer));
    if (got == 0) {
      break;
    }
    MH_RETURN_IF_ERROR(target->WriteAt(offset, {buffer.data(), got}));
    offset += got;
  }
  MH_RETURN_IF_ERROR(target->Sync());
  return offset;
}

}  // namespace

Result<bool> Exists(const std::string& path) {
  store::PosixFileSystem files;
  const Status status = files.Stat(path).status();
  if (!status.ok() && status.code() != Code::kNotFound) {
    return status;
  }
  return status.ok();
}

Result<std::string> MakeCheckpoint(store::EmbeddedStore& records, const std::string& data_dir) {
  RemoveCheckpoints(data_dir);
  SystemRandom random;
  std::string name = std::string(kCheckpointPrefix) + FormatId(random.NextU64());
  MH_RETURN_IF_ERROR(records.Checkpoint(data_dir + "/" + name));
  return name;
}

std::optional<std::string> AnswerCheckpoint(store::EmbeddedStore& records,
                                            const std::string& data_dir,
                                            std::string_view question) {
  if (question != kCheckpointQuestion) {
    return std::nullopt;
  }
  const Result<std::string> made = MakeCheckpoint(records, data_dir);
  return made.ok() ? *made : "error: " + made.status().ToString();
}

void RemoveCheckpoints(const std::string& data_dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir, error)) {
    const auto now = std::filesystem::file_time_type::clock::now();
    if (entry.path().filename().string().starts_with(kCheckpointPrefix) &&
        now - entry.last_write_time(error) > kForgottenAfter) {
      std::filesystem::remove_all(entry.path(), error);
    }
  }
}

Status CopyDirectory(store::FileSystem& files, const std::string& from, const std::string& to,
                     const std::function<void(uint64_t)>& copied) {
  MH_RETURN_IF_ERROR(files.CreateDirectories(to));
  MH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(from));
  for (const std::string& name : names) {
    MH_ASSIGN_OR_RETURN(const uint64_t bytes, CopyFile(files, from + "/" + name, to + "/" + name));
    copied(bytes);
  }
  return files.SyncDirectory(to);
}

}  // namespace mailhaul::app
