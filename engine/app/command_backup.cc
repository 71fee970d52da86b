#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "base/text.h"
#include "base/units.h"
#include "engine/app/commands.h"
#include "engine/app/control_socket.h"
#include "engine/app/exit_codes.h"
#include "engine/app/readers_lock.h"
#include "engine/app/runtime.h"
#include "engine/app/store_copy.h"
#include "store/outbox.h"

namespace mailhaul::app {
namespace {

constexpr char kRecords[] = "/records";
constexpr char kBlobs[] = "/blobs";
constexpr char kText[] = "/text";
constexpr char kUnfinished[] = ".partial";

constexpr Duration kCheckpointTime = std::chrono::minutes(10);

// The name of a checkpoint of the records, from the running server or from the store itself.
Result<std::string> ObtainCheckpoint(const config::Config& config) {
  Result<std::string> answer = AskServer(config.data_dir, kCheckpointQuestion, kCheckpointTime);
  if (answer.ok() &&
      (!answer->starts_with(kCheckpointPrefix) || answer->find('/') != std::string::npos)) {
    return Status(Code::kIo, "the running server: " + EscapeForLog(*answer));
  }
  if (answer.ok() || answer.status().code() != Code::kNotFound) {
    return answer;
  }
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<OpenStore> store, OpenForWriting(config));
  Result<std::string> made = MakeCheckpoint(*store->records, config.data_dir);
  if (!store->after_unclean_end) {
    NoteCleanEnd(*store, config);
  }
  return made;
}

Status CopyStore(const std::string& records, const std::string& blobs, const std::string& to) {
  store::PosixFileSystem files;
  uint64_t bytes = 0;
  const auto count = [&bytes](uint64_t copied) { bytes += copied; };
  MH_RETURN_IF_ERROR(CopyDirectory(files, records, to + kRecords, count));
  MH_RETURN_IF_ERROR(CopyDirectory(files, blobs, to + kBlobs, count));
  std::printf("%s copied\n", FormatByteSize(bytes).c_str());
  return Status::Ok();
}

// What is written beside `target` takes its name once it is whole.
Status TakeName(const std::string& target) {
  std::error_code error;
  std::filesystem::rename(target + kUnfinished, target, error);
  if (error) {
    return {Code::kIo, "naming " + EscapeForLog(target) + ": " + error.message()};
  }
  store::PosixFileSystem files;
  const std::filesystem::path parent = std::filesystem::path(target).parent_path();
  return files.SyncDirectory(parent.empty() ? "." : parent.string());
}

Status Backup(const config::Config& config, std::string target) {
  while (target.size() > 1 && target.ends_with('/')) {
    target.pop_back();  // What is unfinished lies beside it, not in it.
  }
  MH_ASSIGN_OR_RETURN(const bool there, Exists(config.data_dir + kRecords));
  if (!there) {
    return {Code::kNotFound, "there is no store in " + EscapeForLog(config.data_dir)};
  }
  for (const std::string& path : {target, target + kUnfinished}) {
    MH_ASSIGN_OR_RETURN(const bool taken, Exists(path));
    if (taken) {
      return {Code::kInvalidArgument, "--output: " + EscapeForLog(path) + " is there already"};
    }
  }
  const ReadersLock reading = ReadersLock::Share(config.data_dir);
  MH_ASSIGN_OR_RETURN(const std::string name, ObtainCheckpoint(config));
  const std::string checkpoint = config.data_dir + "/" + name;
  const Status copied = CopyStore(checkpoint, config.data_dir + kBlobs, target + kUnfinished);
  std::error_code ignored;
  std::filesystem::remove_all(checkpoint, ignored);
  if (!copied.ok()) {
    std::filesystem::remove_all(target + kUnfinished, ignored);
    return copied;
  }
  return TakeName(target);
}

// Before the store has its name: a process that sends from it finds nothing that may be sent twice.
Status DoubtSubmissions(store::FileSystem& files, const std::string& records_directory,
                        const std::string& blobs_directory) {
  const SystemClock clock;
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::EmbeddedStore> records,
                      store::OpenRocksDb(records_directory, {}));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::BlobStore> blobs,
                      store::BlobStore::Open(files, {.directory = blobs_directory}));
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::MailStore> mail,
                      store::MailStore::Open(*records, *blobs, clock));
  return store::Outbox(*mail).DoubtAllAfterRestore(clock.WallNow());
}

Status Restore(const config::Config& config, const std::string& from) {
  for (const char* part : {kRecords, kBlobs}) {
    MH_ASSIGN_OR_RETURN(const bool whole, Exists(from + part));
    if (!whole) {
      return {Code::kInvalidArgument,
              "--from: " + EscapeForLog(from) + " is not a whole backup (records/ and blobs/)"};
    }
    MH_ASSIGN_OR_RETURN(const bool taken, Exists(config.data_dir + part));
    if (taken) {
      return {Code::kInvalidArgument, EscapeForLog(config.data_dir + part) +
                                          " is there already: move the old store away first"};
    }
  }
  store::PosixFileSystem files;
  MH_RETURN_IF_ERROR(files.CreateDirectories(config.data_dir));
  // Of the store that was there: in this one other messages may have the same ids.
  std::error_code error;
  std::filesystem::remove_all(config.data_dir + kText, error);
  if (error) {
    return {Code::kIo, EscapeForLog(config.data_dir + kText) + ": " + error.message()};
  }
  uint64_t bytes = 0;
  const auto count = [&bytes](uint64_t copied) { bytes += copied; };
  // Bodies first: without records there is no store yet.
  MH_RETURN_IF_ERROR(CopyDirectory(files, from + kBlobs, config.data_dir + kBlobs, count));
  const std::string records = config.data_dir + kRecords;
  MH_RETURN_IF_ERROR(CopyDirectory(files, from + kRecords, records + kUnfinished, count));
  MH_RETURN_IF_ERROR(DoubtSubmissions(files, records + kUnfinished, config.data_dir + kBlobs));
  MH_RETURN_IF_ERROR(TakeName(records));
  std::printf("%s copied\n", FormatByteSize(bytes).c_str());
  return Status::Ok();
}

int Finish(const Status& status) { return status.ok() ? kExitDone : ExplainFailure(status); }

}  // namespace

int RunBackup(const CommandOptions& options) {
  bool clean = false;
  const std::optional<config::Config> config = LoadOrExplain(options, &clean);
  return config.has_value() ? Finish(Backup(*config, options.output)) : kExitUsage;
}

int RunRestore(const CommandOptions& options) {
  bool clean = false;
  const std::optional<config::Config> config = LoadOrExplain(options, &clean);
  return config.has_value() ? Finish(Restore(*config, options.from)) : kExitUsage;
}

}  // namespace mailhaul::app
