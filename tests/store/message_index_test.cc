// Lists by thread, tag and folder, and the conversion of a store that cannot give them yet.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/index_build.h"
#include "store/key_layout.h"
#include "store/mail_store_cache.h"
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

using Fault = MemoryKeyValueStore::Fault;
using Uids = std::vector<Uid>;

class MessageIndexTest : public FollowFixture {
 protected:
  static IngestMessage Mail(Uid uid, uint64_t thread, std::vector<std::string> tags = {}) {
    IngestMessage message = KnownMessage(uid, "body " + std::to_string(uid));
    message.thread = thread;
    message.keywords = std::move(tags);
    return message;
  }
  MessageQuery Query() const {
    MessageQuery query;
    query.tenant = tenant_;
    query.mailbox = mailbox_;
    return query;
  }
  // In pages of every small size.
  Uids Found(MessageQuery query) const {
    std::optional<Uids> all;
    for (const size_t limit : {1, 2, 3, 1000}) {
      query.limit = limit;
      Uids uids;
      for (const StoredMessage& message : ListAll(query)) {
        uids.push_back(message.uid);
      }
      EXPECT_TRUE(!all || *all == uids) << "limit " << limit;
      all = uids;
    }
    return *all;
  }
  Uids InThread(uint64_t thread, std::optional<FolderId> folder = std::nullopt) const {
    MessageQuery query = Query();
    query.thread = thread;
    query.folder = folder;
    return Found(query);
  }
  Uids Tagged(const std::string& tag, std::optional<FolderId> folder = std::nullopt) const {
    MessageQuery query = Query();
    query.tag = tag;
    query.folder = folder;
    return Found(query);
  }
  Uids InFolder(FolderId folder) const {
    MessageQuery query = Query();
    query.folder = folder;
    return Found(query);
  }
  MessageId IdOf(Uid uid) const { return Only("body " + std::to_string(uid)).id; }

  std::map<std::string, std::string> Rows() {
    std::map<std::string, std::string> rows;
    for (uint8_t keyspace = kKeyspaceFirst; keyspace <= kKeyspaceLast; ++keyspace) {
      const std::string prefix(1, static_cast<char>(keyspace));
      EXPECT_TRUE(VisitRows(records_, prefix, [&](std::string_view key, std::string_view value) {
                    rows.emplace(key, value);
                    return Status::Ok();
                  }).ok());
    }
    return rows;
  }
  // As the program before left it.
  void MakeOld() {
    for (const auto& [key, value] : Rows()) {
      const auto keyspace = static_cast<Keyspace>(key.front());
      if (keyspace == Keyspace::kThread || keyspace == Keyspace::kShownUnder) {
        records_.Tamper(key, std::nullopt);
      }
    }
    records_.Tamper(FormatVersionKey(), std::string(kFormatVersionBefore));
  }
  Status TryOpen(MailStore::Access access = MailStore::Access::kWrite) {
    store_.reset();
    Result<std::unique_ptr<MailStore>> store = MailStore::Open(records_, *blobs_, clock_, access);
    if (store.ok()) {
      store_ = std::move(store).value();
    }
    return store.status();
  }
  // Several batches of several shards, a deleted one, and one that is shown elsewhere.
  void FillMany() {
    for (Uid uid = 1; uid <= 2500; uid += 500) {
      std::vector<IngestMessage> messages;
      for (Uid next = uid; next < uid + 500; ++next) {
        messages.push_back(Mail(next, next % 7, {next % 2 == 0 ? "even" : "odd"}));
      }
      AppendOk(std::move(messages));
    }
    const LocalPatch moved{.seen = {},
                           .flagged = {},
                           .folder = std::optional(std::optional(archive_)),
                           .tags = std::optional(std::optional(std::vector<std::string>{"mine"}))};
    ASSERT_TRUE(store_->ChangeMessage(IdOf(7), moved, nullptr).ok());
    ASSERT_TRUE(store_->DeleteMessage(IdOf(14), nullptr).ok());
    const TenantId other = store_->EnsureTenant("other").value();
    const MailboxId bob = store_->EnsureMailbox(other, "bob", "bob@other.example").value();
    IngestBatch batch = BatchOf({Mail(1, 3, {"even"})});
    batch.mailbox = bob;
    batch.folder = store_->EnsureFolder(bob, "INBOX", "").value();
    ASSERT_TRUE(Append(batch).ok());
  }
};

TEST_F(MessageIndexTest, FindsThreadsAndTagsAndWhatIsInAFolder) {
  AppendOk({Mail(1, 5, {"Work", "$Important"}), Mail(2, 6, {"work", "WORK"}), Mail(3, 5)});
  AppendTo(archive_, {Mail(4, 5, {"work"})});
  EXPECT_EQ(InThread(5), (Uids{4, 3, 1}));
  EXPECT_EQ(InThread(5, inbox_), (Uids{3, 1}));
  EXPECT_EQ(InThread(5, archive_), (Uids{4}));
  EXPECT_EQ(InThread(7), Uids());
  EXPECT_EQ(Tagged("wORK"), (Uids{4, 2, 1}));
  EXPECT_EQ(Tagged("work", inbox_), (Uids{2, 1}));
  EXPECT_EQ(Tagged("wor"), Uids());
  EXPECT_EQ(Tagged("$important"), (Uids{1}));
  EXPECT_EQ(InFolder(inbox_), (Uids{3, 2, 1}));
  MessageQuery both = Query();
  both.thread = 5;
  both.tag = "work";
  EXPECT_EQ(store_->ListMessages(both).status().code(), Code::kInvalidArgument);
}

TEST_F(MessageIndexTest, DatesNarrowThemAsTheyDoAnyList) {
  AppendOk({Mail(1, 5, {"a"}), Mail(2, 5, {"a"}), Mail(3, 5, {"a"}), Mail(4, 5, {"a"})});
  for (const bool by_thread : {true, false}) {
    MessageQuery query = Query();
    query.thread = by_thread ? std::optional<uint64_t>(5) : std::nullopt;
    query.tag = by_thread ? std::nullopt : std::optional<std::string>("a");
    query.after = At(2000);
    query.before = At(4000);
    EXPECT_EQ(Found(query), (Uids{3, 2}));
    query.mailbox.reset();
    EXPECT_EQ(Found(query), (Uids{3, 2}));
  }
}

TEST_F(MessageIndexTest, FollowsWhatIsShown) {
  AppendOk({Mail(1, 5, {"a", "b"}), Mail(2, 5, {"a"})});
  Sync({{.uid = 1, .flags = 0, .keywords = {"b", "c"}}}, {});
  EXPECT_EQ(Tagged("a"), (Uids{2}));
  EXPECT_EQ(Tagged("b"), (Uids{1}));
  EXPECT_EQ(Tagged("c"), (Uids{1}));
  const MessageId one = IdOf(1);
  LocalPatch patch;
  patch.tags = std::optional(std::vector<std::string>{"mine"});
  patch.folder = std::optional(archive_);
  ASSERT_TRUE(store_->ChangeMessage(one, patch, nullptr).ok());
  EXPECT_EQ(Tagged("c"), Uids());
  EXPECT_EQ(Tagged("MINE"), (Uids{1}));
  EXPECT_EQ(InFolder(inbox_), (Uids{2}));
  EXPECT_EQ(InFolder(archive_), (Uids{1}));
  EXPECT_EQ(InThread(5, archive_), (Uids{1}));
  // The source's change is not shown, until the user's is cleared.
  Sync({{.uid = 1, .flags = 0, .keywords = {"d"}}}, {});
  EXPECT_EQ(Tagged("d"), Uids());
  patch.tags.emplace();
  ASSERT_TRUE(store_->ChangeMessage(one, patch, nullptr).ok());
  EXPECT_EQ(Tagged("d"), (Uids{1}));
  ASSERT_TRUE(store_->DeleteMessage(one, nullptr).ok());
  EXPECT_EQ(Tagged("d"), Uids());
  EXPECT_EQ(InThread(5), (Uids{2}));
  EXPECT_EQ(InFolder(archive_), Uids());
  Vanish(2, 2);
  EXPECT_EQ(InThread(5), (Uids{2}));
  ASSERT_EQ(store_->RemoveGone(mailbox_, 10).value(), 1U);
  EXPECT_EQ(InThread(5), Uids());
}

TEST_F(MessageIndexTest, TagsThatAreNotKeptAreNotFound) {
  std::vector<std::string> tags;
  for (int i = 0; i < 70; ++i) {
    tags.push_back("t" + std::to_string(i));
  }
  tags[3] = std::string(300, 'x');
  AppendOk({Mail(1, 5, tags)});
  EXPECT_EQ(Tagged("t63"), (Uids{1}));
  EXPECT_EQ(Tagged("t64"), Uids());
  EXPECT_EQ(Tagged(tags[3]), Uids());
}

TEST_F(MessageIndexTest, OfAWholeTenantAcrossMailboxesAndShards) {
  std::vector<MailStore::NewMailbox> mailboxes(300);
  for (size_t i = 0; i < mailboxes.size(); ++i) {
    mailboxes[i] = {.name = "m" + std::to_string(i), .address = "m@acme.example"};
  }
  const std::vector<MailboxId> ids = store_->EnsureMailboxes(tenant_, mailboxes).value();
  Uid uid = 0;
  for (const size_t i : {size_t{0}, size_t{299}, size_t{1}, size_t{298}}) {
    mailbox_ = ids[i];
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "").value();
    ++uid;
    AppendOk({Mail(uid, 5, {"x"}), Mail(uid + 10, 6, {"x"})});
  }
  MessageQuery query = Query();
  query.mailbox.reset();
  query.thread = 5;
  EXPECT_EQ(Found(query), (Uids{4, 3, 2, 1}));
  query.thread.reset();
  query.tag = "x";
  EXPECT_EQ(Found(query), (Uids{14, 13, 12, 11, 4, 3, 2, 1}));
  query.shard = ids[0].shard();
  EXPECT_EQ(Found(query), (Uids{13, 11, 3, 1}));
  query.tenant = store_->EnsureTenant("other").value();
  query.shard.reset();
  EXPECT_EQ(Found(query), Uids());
}

TEST_F(MessageIndexTest, APageEndsEarlyWhenTooManyRowsArePassedOver) {
  AppendTo(archive_, {Mail(1, 5, {"x"})});
  std::vector<IngestMessage> many;
  for (Uid uid = 2; uid <= 50; ++uid) {
    many.push_back(Mail(uid, 5, {"x"}));
  }
  AppendOk(std::move(many));
  for (const bool by_thread : {true, false}) {
    MessageQuery query = Query();
    query.folder = archive_;
    query.thread = by_thread ? std::optional<uint64_t>(5) : std::nullopt;
    query.tag = by_thread ? std::nullopt : std::optional<std::string>("x");
    query.skip_max = 20;
    std::vector<size_t> items;
    std::vector<size_t> skipped;
    for (bool more = true; more;) {
      const MessagePage page = store_->ListMessages(query).value();
      items.push_back(page.items.size());
      skipped.push_back(page.skipped);
      more = page.more;
      query.cursor_date = page.next_date;
      query.cursor_id = page.next_id;
    }
    EXPECT_EQ(items, (std::vector<size_t>{0, 0, 1}));
    EXPECT_EQ(skipped, (std::vector<size_t>{20, 20, 9}));
  }
}

TEST_F(MessageIndexTest, AnOldStoreIsConvertedWhereverThatIsCutOff) {
  FillMany();
  const std::map<std::string, std::string> rows = Rows();
  MakeOld();
  ExpectSound();  // As old stores are.
  const uint64_t before = records_.commits();
  ASSERT_TRUE(TryOpen().ok());
  const uint64_t commits = records_.commits() - before;
  EXPECT_GT(commits, 4U);
  EXPECT_TRUE(Rows() == rows);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(records_.commits() - before, commits);  // Once.
  for (uint64_t kept = 0; kept <= commits; ++kept) {
    SCOPED_TRACE(kept);
    MakeOld();
    store_.reset();
    records_.FreezeAfter(kept);
    EXPECT_EQ(TryOpen().ok(), kept == commits);
    store_.reset();
    records_.Thaw();
    ExpectSound();
    const uint64_t done = records_.commits();
    ASSERT_TRUE(TryOpen().ok());
    // Of what was durable one batch is done again.
    EXPECT_LE(records_.commits() - done, commits - kept + 1);
    EXPECT_TRUE(Rows() == rows);
  }
}

TEST_F(MessageIndexTest, AFailureWhileConvertingIsSaidAndOpeningAgainGoesOn) {
  FillMany();
  const std::map<std::string, std::string> rows = Rows();
  constexpr std::pair<Fault, Code> kFaults[] = {{Fault::kBusy, Code::kBusy},
                                                {Fault::kDiskFull, Code::kDiskFull},
                                                {Fault::kIo, Code::kIo},
                                                {Fault::kUnknownApplied, Code::kUnknownOutcome},
                                                {Fault::kUnknownLost, Code::kUnknownOutcome}};
  for (const auto& [fault, code] : kFaults) {
    for (uint64_t nth = 1; nth <= 4; ++nth) {
      MakeOld();
      store_.reset();
      records_.InjectFault(nth, fault);
      EXPECT_EQ(TryOpen().code(), code);
      EXPECT_NE(*records_.Get(FormatVersionKey()).value(), kFormatVersionValue);
      ASSERT_TRUE(TryOpen().ok());
      EXPECT_TRUE(Rows() == rows);
    }
  }
}

TEST_F(MessageIndexTest, WhileItIsConvertedNoOtherProgramTakesItForItsOwn) {
  FillMany();
  MakeOld();
  store_.reset();
  records_.FreezeAfter(2);
  EXPECT_FALSE(TryOpen().ok());
  records_.Thaw();
  EXPECT_EQ(*records_.Get(FormatVersionKey()).value(), kFormatVersionBetween);
  EXPECT_NE(kFormatVersionBetween, kFormatVersionBefore);
}

TEST_F(MessageIndexTest, AnOldStoreCanBeReadAsItIs) {
  AppendOk({Mail(1, 5, {"x"}), Mail(2, 5)});
  AppendTo(archive_, {Mail(3, 5)});
  MakeOld();
  const uint64_t before = records_.commits();
  ASSERT_TRUE(TryOpen(MailStore::Access::kRead).ok());
  EXPECT_EQ(InFolder(inbox_), (Uids{2, 1}));
  EXPECT_EQ(InFolder(archive_), (Uids{3}));
  MessageQuery query = Query();
  query.thread = 5;
  EXPECT_EQ(store_->ListMessages(query).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(records_.commits(), before);
  ExpectSound();
  ASSERT_TRUE(TryOpen().ok());
}

TEST_F(MessageIndexTest, DamageWhileConvertingIsSaid) {
  AppendOk({Mail(1, 5), Mail(2, 5)});
  const std::string key = PlacementKey(IdOf(2));
  const std::string value = *records_.Get(key).value();
  MakeOld();
  records_.Tamper(key, "x");
  EXPECT_EQ(TryOpen().code(), Code::kCorrupt);
  records_.Tamper(key, value);
  records_.Tamper(key + "x", value);
  EXPECT_EQ(TryOpen().code(), Code::kCorrupt);
  records_.Tamper(key + "x", std::nullopt);
  records_.Tamper(IndexBuildKey(), "x");
  EXPECT_EQ(TryOpen().code(), Code::kCorrupt);
  records_.Tamper(IndexBuildKey(), std::nullopt);
  ASSERT_TRUE(TryOpen().ok());
}

}  // namespace
}  // namespace mailhaul::store
