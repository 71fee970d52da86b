#include "engine/app/export_maildir.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "connectors/connector.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::app {
namespace {

class ExportMaildir : public ::testing::Test {
 protected:
  // Paths of the messages below the maildir.
  std::set<std::string> Files() const {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
      if (entry.is_regular_file() && entry.path().filename() != "maildirfolder") {
        files.insert(entry.path().lexically_relative(path_).string());
      }
    }
    return files;
  }
  static store::StoredMessage Message(uint64_t id, uint8_t flags) {
    store::StoredMessage message;
    message.id = {id};
    message.flags = flags;
    message.internal_date = WallTime(std::chrono::seconds(837571465));
    return message;
  }

  store::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/mail";
};

TEST_F(ExportMaildir, NamesFoldersAndFlagsAsReadersExpect) {
  auto maildir = MaildirWriter::Create(path_);
  ASSERT_TRUE(maildir.ok()) << maildir.status().ToString();
  EXPECT_TRUE(maildir->Write(Message(1, 0), "INBOX", "a").ok());
  EXPECT_TRUE(
      maildir->Write(Message(2, kFlagSeen | kFlagDraft | kFlagFlagged), "Entw\xC3\xBCrfe", "bc")
          .ok());
  EXPECT_TRUE(maildir->Write(Message(3, kFlagAnswered), "A/B", "").ok());
  EXPECT_EQ(Files(), (std::set<std::string>{
                         "cur/837571465.0000000000000001.mailhaul,S=1:2,",
                         ".Entw&APw-rfe/cur/837571465.0000000000000002.mailhaul,S=2:2,DFS",
                         ".A.B/cur/837571465.0000000000000003.mailhaul,S=0:2,R"}));
  std::ifstream file(path_ + "/cur/837571465.0000000000000001.mailhaul,S=1:2,");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "a");
}

TEST_F(ExportMaildir, NoFolderNameLeavesTheDirectoryOrMeetsAnother) {
  auto maildir = MaildirWriter::Create(path_);
  ASSERT_TRUE(maildir.ok());
  uint64_t id = 0;
  for (const char* name :
       {"..", "../..", "/etc", "a/../../b", ".", "a.b", "a/b", "a%2eb", "\xFF", "cur", "new"}) {
    EXPECT_TRUE(maildir->Write(Message(++id, 0), name, "x").ok()) << name;
  }
  std::set<std::string> folders;
  for (const std::string& file : Files()) {
    EXPECT_TRUE(file.starts_with('.') && !file.starts_with("..")) << file;
    folders.insert(file.substr(0, file.find('/')));
  }
  EXPECT_EQ(folders.size(), id);
}

TEST_F(ExportMaildir, WritesIntoNothingThatIsThere) {
  std::filesystem::create_directory(path_);
  EXPECT_EQ(MaildirWriter::Create(path_).status().code(), Code::kAlreadyExists);
}

}  // namespace
}  // namespace mailhaul::app
