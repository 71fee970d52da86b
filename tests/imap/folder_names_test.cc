#include "connectors/imap/folder_names.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "connectors/imap/imap_session.h"
#include "connectors/imap/known_names.h"

namespace mailhaul::imap {
namespace {

ListEntry Entry(std::vector<std::string> attributes, std::string mailbox, char delimiter = '/') {
  ListEntry entry;
  entry.attributes = std::move(attributes);
  entry.delimiter = delimiter;
  entry.mailbox = std::move(mailbox);
  return entry;
}

std::vector<FolderInfo> Collect(const std::vector<ListEntry>& entries) {
  FolderCollector collector;
  for (const ListEntry& entry : entries) {
    EXPECT_TRUE(collector.Add(entry).ok());
  }
  return std::move(collector).Finish();
}

TEST(FolderNamesTest, ShowsUtf8WithSlashesBetweenLevels) {
  EXPECT_EQ(DisplayName("INBOX.Entw&APw-rfe.2024", '.'), "INBOX/Entwürfe/2024");
  EXPECT_EQ(DisplayName("a/b", '/'), "a/b");
  EXPECT_EQ(DisplayName("a.b", '\0'), "a.b");
}

TEST(FolderNamesTest, InboxHasNoCase) {
  EXPECT_EQ(DisplayName("inbox", '/'), "INBOX");
  EXPECT_EQ(DisplayName("Inbox.Sub", '.'), "INBOX/Sub");
  EXPECT_EQ(DisplayName("Inboxes", '/'), "Inboxes");
}

TEST(FolderNamesTest, ASlashThatIsNoDelimiterIsShownEscaped) {
  EXPECT_EQ(DisplayName("a/b.c", '.'), "a\\x2fb/c");
}

TEST(FolderNamesTest, MalformedNamesAreShownAsTheyAre) {
  EXPECT_EQ(DisplayName("R&D", '/'), "R&D");
  EXPECT_EQ(DisplayName("caf\xC3\xA9", '/'), "caf\xC3\xA9");
  EXPECT_EQ(DisplayName("caf\xE9", '/'), "caf\\xe9");
}

TEST(FolderNamesTest, LeavesOutWhatCannotBeOpened) {
  const auto folders = Collect({Entry({"\\NoSelect"}, "a"), Entry({"\\nonexistent"}, "b"),
                                Entry({"\\HasChildren"}, "c"), Entry({}, "c")});
  ASSERT_EQ(folders.size(), 1U);
  EXPECT_EQ(folders[0].name, "c");
}

TEST(FolderNamesTest, SpecialUseGivesRolesAndNamesDoNotThen) {
  const auto folders = Collect({Entry({}, "INBOX"), Entry({"\\Sent"}, "Out"), Entry({}, "Trash"),
                                Entry({"\\JUNK"}, "x"), Entry({"\\Sent"}, "Out2")});
  ASSERT_EQ(folders.size(), 5U);
  EXPECT_EQ(folders[0].role, FolderRole::kInbox);
  EXPECT_EQ(folders[1].role, FolderRole::kSent);
  EXPECT_EQ(folders[2].role, FolderRole::kNone);
  EXPECT_EQ(folders[3].role, FolderRole::kJunk);
  EXPECT_EQ(folders[4].role, FolderRole::kNone);
}

TEST(FolderNamesTest, KnownNamesGiveRolesWithoutSpecialUse) {
  const auto folders = Collect({Entry({}, "INBOX", '.'), Entry({}, "INBOX.Sent Items", '.'),
                                Entry({}, "Papierkorb", '.'), Entry({}, "Entw&APw-rfe", '.'),
                                Entry({}, "Projects.Sent", '.')});
  ASSERT_EQ(folders.size(), 5U);
  EXPECT_EQ(folders[1].role, FolderRole::kSent);
  EXPECT_EQ(folders[2].role, FolderRole::kTrash);
  EXPECT_EQ(folders[3].role, FolderRole::kDrafts);
  EXPECT_EQ(folders[4].role, FolderRole::kNone);
}

TEST(FolderNamesTest, TwoFoldersNeverShareAName) {
  const auto folders =
      Collect({Entry({}, "&AOk-"), Entry({}, "\xC3\xA9"), Entry({}, "INBOX"), Entry({}, "inbox")});
  ASSERT_EQ(folders.size(), 3U);
  EXPECT_EQ(folders[0].name, "\xC3\xA9");
  EXPECT_EQ(folders[1].name, "\xC3\xA9 [\\xc3\\xa9]");
  EXPECT_EQ(folders[2].name, "INBOX");
}

TEST(FolderNamesTest, RefusesNamesThatNoServerMeans) {
  FolderCollector collector;
  EXPECT_EQ(collector.Add(Entry({}, "a\nb")).code(), Code::kProtocol);
  EXPECT_EQ(collector.Add(Entry({}, std::string("a\0b", 3))).code(), Code::kProtocol);
  EXPECT_EQ(collector.Add(Entry({}, std::string(kFolderNameBytesMax + 1, 'a'))).code(),
            Code::kProtocol);
  EXPECT_TRUE(collector.Add(Entry({}, std::string(kFolderNameBytesMax, 'a'))).ok());
}

TEST(FolderNamesTest, RefusesTooManyFolders) {
  FolderCollector collector;
  for (size_t i = 0; i < kFoldersMax; ++i) {
    ASSERT_TRUE(collector.Add(Entry({}, std::to_string(i))).ok());
  }
  EXPECT_EQ(collector.Add(Entry({}, "one more")).code(), Code::kProtocol);
}

TEST(KnownNamesTest, KnowsRolesInManyLanguages) {
  const std::vector<std::pair<const char*, FolderRole>> names = {
      {"Sent Items", FolderRole::kSent},
      {"INBOX/Gesendet", FolderRole::kSent},
      {"Messages envoyés", FolderRole::kSent},
      {"Elementos enviados", FolderRole::kSent},
      {"Itens Enviados", FolderRole::kSent},
      {"Posta inviata", FolderRole::kSent},
      {"Verzonden", FolderRole::kSent},
      {"Elementy wysłane", FolderRole::kSent},
      {"Skickat", FolderRole::kSent},
      {"Sendte elementer", FolderRole::kSent},
      {"Lähetetyt", FolderRole::kSent},
      {"Odeslaná pošta", FolderRole::kSent},
      {"Odoslané", FolderRole::kSent},
      {"Elküldött elemek", FolderRole::kSent},
      {"Trimise", FolderRole::kSent},
      {"Отправленные", FolderRole::kSent},
      {"Надіслані", FolderRole::kSent},
      {"Изпратени", FolderRole::kSent},
      {"Gönderilmiş Öğeler", FolderRole::kNone},  // Only ASCII letters lose their case.
      {"gönderilenler", FolderRole::kSent},
      {"Απεσταλμένα", FolderRole::kSent},
      {"보낸편지함", FolderRole::kSent},
      {"已发送", FolderRole::kSent},
      {"寄件備份", FolderRole::kSent},
      {"送信済み", FolderRole::kSent},
      {"Papierkorb", FolderRole::kTrash},
      {"Roskakori", FolderRole::kTrash},
      {"휴지통", FolderRole::kTrash},
      {"Roskaposti", FolderRole::kJunk},
      {"垃圾邮件", FolderRole::kJunk},
      {"Luonnokset", FolderRole::kDrafts},
      {"Arkiv", FolderRole::kArchive},
      {"Sentinel", FolderRole::kNone},
      {"", FolderRole::kNone},
  };
  for (const auto& [name, role] : names) {
    EXPECT_EQ(RoleFromName(name), role) << name;
  }
}

}  // namespace
}  // namespace mailhaul::imap
