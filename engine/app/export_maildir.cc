#include "engine/app/export_maildir.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "connectors/connector.h"
#include "connectors/imap/modified_utf7.h"

namespace mailhaul::app {
namespace {

constexpr auto kOwnerOnly = std::filesystem::perms::owner_all;

// "Projects/2024" is ".Projects.2024". What a name of a directory cannot hold is written as %XX.
std::string DirectoryName(std::string_view folder) {
  if (EqualsIgnoreCase(folder, "INBOX")) {
    return "";
  }
  std::string name = ".";
  for (const char c : imap::EncodeModifiedUtf7(folder).value_or(HexEncode(folder))) {
    if (c == '/' && !name.ends_with('.')) {
      name += '.';
    } else if (c == '.' || c == '%' || c == ':' || c == '/') {
      name += '%' + HexEncode({&c, 1});
    } else {
      name += c;
    }
  }
  return name;
}

// In alphabetical order, as Maildir wants them.
std::string FlagLetters(uint8_t flags) {
  std::string letters;
  for (const auto& [bit, letter] : {std::pair{kFlagDraft, 'D'},
                                    {kFlagFlagged, 'F'},
                                    {kFlagAnswered, 'R'},
                                    {kFlagSeen, 'S'},
                                    {kFlagDeleted, 'T'}}) {
    if ((flags & bit) != 0) {
      letters += letter;
    }
  }
  return letters;
}

std::filesystem::file_time_type FileTime(WallTime time) {
  return std::filesystem::file_time_type::clock::from_sys(
      std::chrono::time_point_cast<std::chrono::nanoseconds>(
          std::chrono::sys_time<std::chrono::milliseconds>(time.time_since_epoch())));
}

Status Failure(const std::string& path, const std::error_code& error) {
  return {error == std::errc::no_space_on_device ? Code::kDiskFull : Code::kIo,
          "writing " + EscapeForLog(path) + ": " + error.message()};
}

}  // namespace

Result<MaildirWriter> MaildirWriter::Create(std::string directory) {
  std::error_code error;
  if (std::filesystem::exists(directory, error)) {
    return Status(Code::kAlreadyExists, EscapeForLog(directory) + " is there already");
  }
  std::filesystem::create_directory(directory, error);
  if (error) {
    return Failure(directory, error);
  }
  std::filesystem::permissions(directory, kOwnerOnly, error);
  MaildirWriter writer(std::move(directory));
  MH_RETURN_IF_ERROR(writer.MakeFolder(writer.directory_));
  return writer;
}

Status MaildirWriter::MakeFolder(const std::string& path) {
  if (!made_.insert(path).second) {
    return Status::Ok();
  }
  for (const char* part : {"/cur", "/new", "/tmp"}) {
    std::error_code error;
    std::filesystem::create_directories(path + part, error);
    if (error) {
      return Failure(path + part, error);
    }
  }
  if (path != directory_) {
    std::ofstream marker(path + "/maildirfolder");  // Tells Courier that this is a folder.
  }
  return Status::Ok();
}

Status MaildirWriter::Write(const store::StoredMessage& message, std::string_view folder,
                            std::string_view raw) {
  const std::string name = DirectoryName(folder);
  const std::string path = name.empty() ? directory_ : directory_ + "/" + name;
  MH_RETURN_IF_ERROR(MakeFolder(path));
  const auto seconds =
      std::chrono::floor<std::chrono::seconds>(message.internal_date.time_since_epoch()).count();
  const std::string file =
      path + "/cur/" + std::to_string(seconds) + "." + FormatId(message.id.value) +
      ".mailhaul,S=" + std::to_string(raw.size()) + ":2," + FlagLetters(message.shown_flags());
  std::ofstream out(file, std::ios::binary);
  out.write(raw.data(), static_cast<std::streamsize>(raw.size()));
  out.close();
  if (!out) {
    return {Code::kIo, "cannot write " + EscapeForLog(file)};
  }
  std::error_code error;
  std::filesystem::last_write_time(file, FileTime(message.internal_date), error);
  return error ? Failure(file, error) : Status::Ok();
}

}  // namespace mailhaul::app
