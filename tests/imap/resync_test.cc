// Telling what changed without asking for everything: STATUS, CONDSTORE, QRESYNC, headers, NOOP.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

using Lines = std::vector<std::string>;

class KeepingHeaderSink final : public HeaderSink {
 public:
  void OnHeader(Uid uid, std::string_view header) override {
    EXPECT_TRUE(headers.emplace(uid, header).second) << "doubled: " << uid;
  }
  std::map<Uid, std::string> headers;
};

class ResyncTest : public SessionTest {
 protected:
  void Offer(std::vector<std::string> capabilities) {
    server_.options.capabilities = std::move(capabilities);
  }
  void OfferQresync() { Offer({"ENABLE", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT"}); }
  // INBOX as it is now.
  KnownFolder Known() {
    const test_support::ScriptedFolder& inbox = server_.Folder(kUser);
    KnownFolder known;
    known.uid_validity = inbox.uid_validity;
    known.modseq = inbox.modseq;
    known.uid_next = inbox.uid_next;
    return known;
  }
  OpenedFolder OpenWith(const KnownFolder* known) {
    const Status open = session_ == nullptr ? Open() : Status::Ok();
    EXPECT_TRUE(open.ok()) << open.ToString();
    Result<OpenedFolder> opened = loop_.Await(session_->OpenFolder(Inbox(), known));
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return opened.ok() ? std::move(opened).value() : OpenedFolder();
  }
  static UidSet Range(Uid first, Uid last) {
    UidSet uids;
    uids.AddRange({first, last});
    return uids;
  }
  std::vector<Uid> ChangedUids(const OpenedFolder& opened) {
    std::vector<Uid> uids;
    for (const FlagState& state : opened.changed) {
      uids.push_back(state.uid);
    }
    return uids;
  }
  size_t CountLines(std::string_view begin) const {
    const Lines& lines = server_.counters.lines;
    return static_cast<size_t>(std::count_if(
        lines.begin(), lines.end(), [begin](const auto& line) { return line.starts_with(begin); }));
  }
};

TEST_F(ResyncTest, ListStatusTellsEverythingInOneCommand) {
  Offer({"LIST-STATUS", "SPECIAL-USE", "CONDSTORE"});
  Fill(3);
  server_.Folder(kUser).SetFlags(2, kFlagSeen);
  server_.Folder(kUser, "Sent").uid_validity = 9;
  server_.Folder(kUser, "Parent").attributes = {"\\Noselect"};
  ASSERT_TRUE(Open().ok());
  const auto folders = loop_.Await(session_->ListFolders(true));
  ASSERT_TRUE(folders.ok()) << folders.status().ToString();
  ASSERT_EQ(folders->size(), 2U);
  FolderStatus inbox;
  inbox.uid_validity = 1;
  inbox.uid_next = 4;
  inbox.messages = 3;
  inbox.unseen = 2;
  inbox.modseq = server_.Folder(kUser).modseq;
  EXPECT_EQ((*folders)[0].status, inbox);
  EXPECT_EQ((*folders)[1].status->uid_validity, 9U);
  EXPECT_EQ(server_.counters.lines.back(),
            "LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN "
            "HIGHESTMODSEQ))");
}

TEST_F(ResyncTest, WithoutListStatusEachFolderIsAskedPipelined) {
  Offer({});
  for (int i = 0; i < 250; ++i) {
    server_.Folder(kUser, "F" + std::to_string(i)).uid_validity = 1000 + static_cast<uint32_t>(i);
  }
  ASSERT_TRUE(Open().ok());
  const auto folders = loop_.Await(session_->ListFolders(true));
  ASSERT_TRUE(folders.ok());
  ASSERT_EQ(folders->size(), 251U);
  for (const FolderInfo& folder : *folders) {
    ASSERT_TRUE(folder.status.has_value()) << folder.name;
    EXPECT_EQ(folder.status->uid_validity,
              folder.name == "INBOX" ? 1U : 1000 + std::stoul(folder.name.substr(1)));
    EXPECT_EQ(folder.status->modseq, 0U);
  }
  EXPECT_EQ(CountLines("STATUS "), 251U);
  EXPECT_EQ(server_.counters.lines.back().substr(0, 8), "STATUS \"");
}

TEST_F(ResyncTest, ARefusedStatusLeavesTheFolderWithoutOne) {
  Offer({});
  server_.faults.answers["STATUS"] = "NO [NOPERM] not yours";
  ASSERT_TRUE(Open().ok());
  const auto folders = loop_.Await(session_->ListFolders(true));
  ASSERT_TRUE(folders.ok());
  ASSERT_EQ(folders->size(), 1U);
  EXPECT_FALSE((*folders)[0].status.has_value());
  server_.faults.answers["STATUS"] = "NO [THROTTLED] slow down";
  EXPECT_EQ(loop_.Await(session_->ListFolders(true)).status().code(), Code::kThrottled);
}

TEST_F(ResyncTest, NobodyElsesFoldersAreListed) {
  Offer({"NAMESPACE", "LIST-STATUS"});
  server_.options.namespaces = "((\"\" \"/\")) ((\"Users/\" \"/\")) ((\"#shared/\" \"/\"))";
  server_.Folder(kUser, "Users");
  server_.Folder(kUser, "Users/bob");
  server_.Folder(kUser, "#shared/news");
  server_.Folder(kUser, "Usersguide");
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 2; ++i) {
    const auto folders = loop_.Await(session_->ListFolders(true));
    ASSERT_TRUE(folders.ok());
    ASSERT_EQ(folders->size(), 2U);
    EXPECT_EQ((*folders)[0].name, "INBOX");
    EXPECT_EQ((*folders)[1].name, "Usersguide");
  }
  EXPECT_EQ(server_.counters.commands["NAMESPACE"], 1U);
}

TEST_F(ResyncTest, NamesAreUtf8OnceThatIsEnabled) {
  Offer({"ENABLE", "UTF8=ACCEPT", "LITERAL+"});
  server_.Folder(kUser, "Entwürfe & mehr");
  ASSERT_TRUE(Open().ok());
  const auto folders = loop_.Await(session_->ListFolders(false));
  ASSERT_TRUE(folders.ok());
  ASSERT_EQ(folders->size(), 2U);
  EXPECT_EQ((*folders)[0].name, "Entwürfe & mehr");
  EXPECT_TRUE(loop_.Await(session_->OpenFolder((*folders)[0], nullptr)).ok());
}

TEST_F(ResyncTest, EnablesOnceTogetherWithTheFirstCommand) {
  OfferQresync();
  Fill(2);
  const KnownFolder known = Known();
  OpenWith(&known);
  OpenWith(&known);
  EXPECT_EQ(server_.counters.lines,
            Lines({"LOGIN", "ENABLE QRESYNC CONDSTORE UTF8=ACCEPT",
                   "EXAMINE \"INBOX\" (QRESYNC (1 " + std::to_string(known.modseq) + "))",
                   "EXAMINE \"INBOX\" (QRESYNC (1 " + std::to_string(known.modseq) + "))"}));
}

TEST_F(ResyncTest, QresyncTellsWhatVanishedAndWhatChanged) {
  OfferQresync();
  Fill(10);
  const KnownFolder known = Known();
  test_support::ScriptedFolder& inbox = server_.Folder(kUser);
  inbox.Expunge(3);
  inbox.Expunge(4);
  inbox.SetFlags(7, kFlagSeen, {"$Work"});
  inbox.Add("new", WallTime());
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_TRUE(opened.resynchronized);
  EXPECT_EQ(opened.vanished.ToSequenceSet(), "3:4");
  EXPECT_EQ(ChangedUids(opened), std::vector<Uid>({7}));
  EXPECT_EQ(opened.changed[0].flags, kFlagSeen);
  EXPECT_EQ(opened.changed[0].keywords, Lines({"$Work"}));
  EXPECT_EQ(opened.modseq, inbox.modseq);
  EXPECT_EQ(opened.uid_next, 12U);
}

TEST_F(ResyncTest, NothingChangedIsToldAsThat) {
  OfferQresync();
  Fill(5);
  const KnownFolder known = Known();
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_TRUE(opened.resynchronized);
  EXPECT_TRUE(opened.vanished.empty());
  EXPECT_TRUE(opened.changed.empty());
}

TEST_F(ResyncTest, AnotherUidValidityIsNoResynchronization) {
  OfferQresync();
  Fill(5);
  const KnownFolder known = Known();
  server_.Folder(kUser).Renumber(99);
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_FALSE(opened.resynchronized);
  EXPECT_EQ(opened.uid_validity, 99U);
  EXPECT_TRUE(opened.changed.empty());
}

TEST_F(ResyncTest, ACounterThatWentBackProvesNothing) {
  OfferQresync();
  Fill(5);
  const KnownFolder known = Known();
  server_.faults.lose_modseqs = true;
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_FALSE(opened.resynchronized);
  EXPECT_TRUE(opened.vanished.empty());
}

TEST_F(ResyncTest, VanishedUidsBeyondTheKnownOnesAreIgnored) {
  OfferQresync();
  Fill(5);
  const KnownFolder known = Known();
  server_.faults.vanish_everything = true;
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_TRUE(opened.resynchronized);
  EXPECT_EQ(opened.vanished.ToSequenceSet(), "1:5");
}

TEST_F(ResyncTest, WithCondstoreAloneTheCounterIsTold) {
  Offer({"CONDSTORE"});
  Fill(5);
  const KnownFolder known = Known();
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_FALSE(opened.resynchronized);
  EXPECT_EQ(opened.modseq, known.modseq);
  EXPECT_EQ(server_.counters.lines.back(), "EXAMINE \"INBOX\" (CONDSTORE)");
}

TEST_F(ResyncTest, WithoutEitherTheFolderIsOpenedPlainly) {
  Offer({"ENABLE"});
  Fill(5);
  const KnownFolder known = Known();
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_FALSE(opened.resynchronized);
  EXPECT_EQ(opened.modseq, 0U);
  EXPECT_EQ(server_.counters.lines, Lines({"LOGIN", "EXAMINE \"INBOX\""}));
}

TEST_F(ResyncTest, AServerThatCannotEnableIsAskedPlainly) {
  OfferQresync();
  Fill(5);
  server_.faults.answers["ENABLE"] = "BAD what";
  const KnownFolder known = Known();
  for (int i = 0; i < 2; ++i) {
    const OpenedFolder opened = OpenWith(&known);
    EXPECT_FALSE(opened.resynchronized);
    EXPECT_EQ(opened.messages, 5U);
  }
  EXPECT_EQ(CountLines("EXAMINE \"INBOX\" (QRESYNC"), 1U);
}

TEST_F(ResyncTest, FetchesFlagsOfAllOrOfThoseThatChanged) {
  Offer({"CONDSTORE"});
  Fill(2500);
  OpenWith(nullptr);
  const uint64_t before = server_.Folder(kUser).modseq;
  server_.Folder(kUser).SetFlags(7, kFlagFlagged, {"$A"});
  const auto all = loop_.Await(session_->FetchFlags(Range(1, 3000), 0));
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), 2500U);
  EXPECT_EQ((*all)[6].flags, kFlagFlagged);
  const auto changed = loop_.Await(session_->FetchFlags(Range(1, 3000), before));
  ASSERT_TRUE(changed.ok());
  ASSERT_EQ(changed->size(), 1U);
  EXPECT_EQ((*changed)[0].uid, 7U);
  EXPECT_EQ((*changed)[0].keywords, Lines({"$A"}));
  EXPECT_EQ(server_.counters.lines.back(),
            "UID FETCH 1:3000 (UID FLAGS) (CHANGEDSINCE " + std::to_string(before) + ")");
}

TEST_F(ResyncTest, WithoutCondstoreAllFlagsAreFetched) {
  Offer({});
  Fill(3);
  server_.faults.unsolicited = true;
  OpenWith(nullptr);
  const auto all = loop_.Await(session_->FetchFlags(Range(1, 2), 5));
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ((*all)[1].uid, 2U);
  EXPECT_EQ(server_.counters.lines.back(), "UID FETCH 1:2 (UID FLAGS)");
}

TEST_F(ResyncTest, FetchesHeadersAlone) {
  Fill(450, 300);
  OpenWith(nullptr);
  KeepingHeaderSink sink;
  ASSERT_TRUE(loop_.Await(session_->FetchHeaders(Range(1, 500), sink)).ok());
  ASSERT_EQ(sink.headers.size(), 450U);
  EXPECT_EQ(sink.headers[8], "Subject: 7\r\n\r\n");
  EXPECT_EQ(server_.counters.bodies(), 0U);
  EXPECT_EQ(CountLines("UID FETCH"), 3U);
}

TEST_F(ResyncTest, AHeaderBeyondTheLimitIsLeftOutAndTheSessionGoesOn) {
  server_.Folder(kUser).Add("X: " + std::string(kHeaderBytesMax, 'x') + "\r\n\r\n", WallTime());
  Fill(2);
  OpenWith(nullptr);
  KeepingHeaderSink sink;
  ASSERT_TRUE(loop_.Await(session_->FetchHeaders(Range(1, 3), sink)).ok());
  EXPECT_EQ(sink.headers.size(), 2U);
  EXPECT_EQ(sink.headers.count(1), 0U);
  EXPECT_TRUE(loop_.Await(session_->ListUids(std::nullopt)).ok());
}

TEST_F(ResyncTest, HeadersAreGivenToTheirUidWhereverItStands) {
  Fill(20);
  server_.faults.uid_after_body = true;
  server_.faults.unsolicited = true;
  server_.faults.refuse_uids = {13};
  OpenWith(nullptr);
  KeepingHeaderSink sink;
  ASSERT_TRUE(loop_.Await(session_->FetchHeaders(Range(1, 20), sink)).ok());
  EXPECT_EQ(sink.headers.size(), 19U);
  for (const auto& [uid, header] : sink.headers) {
    EXPECT_EQ(header, "Subject: " + std::to_string(uid - 1) + "\r\n\r\n");
  }
}

TEST_F(ResyncTest, MetadataHasLabelsAndThreads) {
  Offer({"X-GM-EXT-1"});
  Fill(2);
  server_.Folder(kUser).Find(1)->labels = {"\"\\\\Inbox\"", "\"Entw&APw-rfe\"", "{4}\r\nWork",
                                           "\\Starred",     "\\Muted",          "\"\""};
  server_.Folder(kUser).Find(1)->thread = "1278455344230334865";
  server_.Folder(kUser).Find(2)->thread = "12";
  OpenWith(nullptr);
  const auto metas = loop_.Await(session_->FetchMeta(Range(1, 2)));
  ASSERT_TRUE(metas.ok());
  EXPECT_EQ((*metas)[0].labels, Lines({"inbox", "Entwürfe", "Work", "\\Muted"}));
  EXPECT_EQ((*metas)[0].flags, kFlagFlagged);
  EXPECT_EQ((*metas)[0].thread_object, "1278455344230334865");
  EXPECT_TRUE((*metas)[1].labels.empty());
}

TEST_F(ResyncTest, FlagsComeWithLabels) {
  Offer({"X-GM-EXT-1", "CONDSTORE"});
  Fill(2);
  server_.Folder(kUser).Find(2)->labels = {"\\Inbox", "\\Draft", "Work"};
  OpenWith(nullptr);
  const auto states = loop_.Await(session_->FetchFlags(Range(1, 2), 1));
  ASSERT_TRUE(states.ok());
  ASSERT_EQ(states->size(), 2U);
  EXPECT_EQ((*states)[1].labels, Lines({"inbox", "Work"}));
  EXPECT_EQ((*states)[1].flags, kFlagDraft);
}

// Gmail tells flags that change meanwhile, without labels.
TEST_F(ResyncTest, FlagsToldWithoutLabelsTakeNoLabelsAway) {
  UseCanned();
  canned_.stays = true;
  canned_.replies = {
      "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR X-GM-EXT-1] hello\r\n",
      "%T OK [CAPABILITY IMAP4rev1 X-GM-EXT-1] in\r\n",
      "* 3 EXISTS\r\n* OK [UIDVALIDITY 1] .\r\n* OK [UIDNEXT 4] .\r\n%T OK opened\r\n",
      "* 1 FETCH (UID 1 FLAGS () X-GM-LABELS (\"\\\\Inbox\"))\r\n"
      "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"
      "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n"
      "* 3 FETCH (UID 3 X-GM-LABELS (Work))\r\n* 3 FETCH (UID 3 FLAGS (\\Answered))\r\n"
      "%T OK done\r\n",
      "* BYE see you\r\n%T OK bye\r\n"};
  OpenWith(nullptr);
  const auto states = loop_.Await(session_->FetchFlags(Range(1, 3), 0));
  ASSERT_TRUE(states.ok()) << states.status().ToString();
  ASSERT_EQ(states->size(), 2U);  // Of the second message too little is known.
  EXPECT_EQ((*states)[0].flags, kFlagSeen);
  EXPECT_EQ((*states)[0].labels, Lines({"inbox"}));
  EXPECT_EQ((*states)[1].uid, 3U);
  EXPECT_EQ((*states)[1].flags, kFlagAnswered);
  EXPECT_EQ((*states)[1].labels, Lines({"Work"}));
}

// VANISHED would be told, but labels would not.
TEST_F(ResyncTest, QresyncIsNotUsedWhereThereAreLabels) {
  Offer({"ENABLE", "CONDSTORE", "QRESYNC", "X-GM-EXT-1"});
  Fill(3);
  const KnownFolder known = Known();
  server_.Folder(kUser).SetFlags(2, kFlagSeen);
  const OpenedFolder opened = OpenWith(&known);
  EXPECT_FALSE(opened.resynchronized);
  EXPECT_TRUE(opened.changed.empty());
  EXPECT_GT(opened.modseq, known.modseq);
}

TEST_F(ResyncTest, MetadataHasTheThreadObject) {
  Offer({"OBJECTID"});
  Fill(2);
  server_.Folder(kUser).Find(2)->thread = "T1";
  OpenWith(nullptr);
  const auto metas = loop_.Await(session_->FetchMeta(Range(1, 2)));
  ASSERT_TRUE(metas.ok());
  EXPECT_EQ((*metas)[0].thread_object, "");
  EXPECT_EQ((*metas)[1].thread_object, "T1");
}

TEST_F(ResyncTest, PollTellsOfNewsOnce) {
  for (const bool qresync : {false, true}) {
    Offer(qresync ? Lines({"ENABLE", "CONDSTORE", "QRESYNC"}) : Lines());
    test_support::ScriptedFolder& inbox = server_.Folder(kUser) = test_support::ScriptedFolder();
    Fill(5);
    OpenWith(nullptr);
    EXPECT_FALSE(loop_.Await(session_->Poll()).value());
    for (int news = 0; news < 3; ++news) {
      if (news == 0) {
        inbox.Add("new", WallTime());
      } else if (news == 1) {
        inbox.Expunge(2);
      } else {
        inbox.SetFlags(3, kFlagSeen);
      }
      EXPECT_TRUE(loop_.Await(session_->Poll()).value()) << news;
      EXPECT_FALSE(loop_.Await(session_->Poll()).value()) << news;
    }
    CloseSession();
  }
}

TEST_F(ResyncTest, PollWithoutAFolderTellsWhetherTheServerLives) {
  ASSERT_TRUE(Open().ok());
  EXPECT_FALSE(loop_.Await(session_->Poll()).value());
  server_.faults.silent = true;
  EXPECT_EQ(loop_.Await(session_->Poll()).status().code(), Code::kTimeout);
}

}  // namespace
}  // namespace mailhaul::imap
