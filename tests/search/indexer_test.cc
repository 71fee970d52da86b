#include <filesystem>
#include <fstream>

#include "tests/search/search_fixture.h"

namespace mailhaul::search {
namespace {

using IndexerTest = SearchFixture;

TEST_F(IndexerTest, FindsWhatCameBeforeAndAfterItBegan) {
  Store({Mail(1, "first apple", "pear"), Mail(2, "second", "an apple a day")});
  EXPECT_EQ(indexer_->IndexedTo(tenant_), std::nullopt);
  EXPECT_EQ(Find("apple"), Seconds());
  Index();
  EXPECT_TRUE(indexer_->IndexedTo(tenant_).has_value());
  EXPECT_EQ(Find("apple"), (Seconds{2, 1}));
  Store({Mail(3, "Äpfel", "APPLE")});
  EXPECT_EQ(Find("apple"), (Seconds{2, 1}));
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{3, 2, 1}));
  EXPECT_EQ(Find("APPLE Pear"), (Seconds{1}));
  EXPECT_EQ(Find("appl"), Seconds());
  EXPECT_EQ(Find("apfel"), (Seconds{3}));
}

TEST_F(IndexerTest, FindsPartsOfChineseRuns) {
  Store({Mail(1, "会议", "今天下午在北京开会，中国。国家"), Mail(2, "x", "家国")});
  Index();
  EXPECT_EQ(Find("下午"), (Seconds{1}));
  EXPECT_EQ(Find("下午在北京"), (Seconds{1}));
  EXPECT_EQ(Find("下午北京"), Seconds());
  EXPECT_EQ(Find("下午 北京"), (Seconds{1}));
  EXPECT_EQ(Find("家"), (Seconds{2, 1}));
  EXPECT_EQ(Find("中国家"), Seconds());  // The pairs of two runs.
}

TEST_F(IndexerTest, FindsAddressesAndNamesOfAttachments) {
  store::IngestMessage message = Mail(1, "x", "y");
  store::MessageContent content;
  content.from = {{.name = "Jürgen Groß", .email = "juergen@firma.example"}};
  content.cc = {{.name = "", .email = "copy@else.example"}};
  content.attachments.emplace_back().filename = "Rechnung_2024.pdf";
  message.content = store::EncodeContent(content);
  Store({message});
  Index();
  for (const char* text :
       {"jurgen gross", "juergen@firma.example", "copy", "rechnung", "2024 pdf"}) {
    EXPECT_EQ(Find(text), (Seconds{1})) << text;
  }
}

TEST_F(IndexerTest, ForgetsWhatIsDeleted) {
  Store({Mail(1, "apple", "x"), Mail(2, "apple", "x"), Mail(3, "apple", "x")});
  Index();
  Delete(2);
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{3, 1}));
  ReopenIndex();
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{3, 1}));
}

TEST_F(IndexerTest, WhatIsDeletedBeforeItIsSeenIsNeverFound) {
  Index();
  Store({Mail(1, "apple", "x"), Mail(2, "apple", "x")});
  Delete(1);
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{2}));
}

TEST_F(IndexerTest, GoesOnWhereItWasAfterARestart) {
  Store({Mail(1, "apple", "x")});
  Index();
  ReopenIndex();
  Store({Mail(2, "apple", "x")});
  Index();
  EXPECT_EQ(indexer_->stats().messages, 1U);
  EXPECT_EQ(indexer_->stats().rebuilds, 0U);
  EXPECT_EQ(Find("apple"), (Seconds{2, 1}));
}

TEST_F(IndexerTest, AWalkGoesOnAfterARestartWhileMailComesIn) {
  std::vector<store::IngestMessage> mails;
  for (Uid uid = 1; uid <= 350; ++uid) {
    mails.push_back(Mail(uid, "apple", "x"));
  }
  Store(mails);
  ASSERT_TRUE(indexer_->Step(tenant_).value());
  const size_t newest = Find("apple").size();
  EXPECT_GT(newest, 0U);
  EXPECT_LT(newest, 350U);
  EXPECT_EQ(Find("apple").front(), 350);
  Store({Mail(351, "apple", "x")});
  Delete(1);
  ReopenIndex();
  Index();
  const Seconds all = Find("apple", 7);
  EXPECT_EQ(all.size(), 350U);
  EXPECT_EQ(all.front(), 351);
  EXPECT_EQ(all.back(), 2);
}

TEST_F(IndexerTest, WhatWasTakenInMayBeDroppedAndAnIndexThatIsTooOldIsBuiltAnew) {
  const auto drop = [&](int64_t hour,
                        std::function<std::optional<uint64_t>(TenantId, ShardId)> read_to) {
    store::ChangeTrim trim;
    trim.keep = std::chrono::hours(1);
    trim.read_to = std::move(read_to);
    for (const int64_t at : {hour, hour + 1}) {  // Noted; older than they are kept.
      trim.now = WallTime(std::chrono::hours(at));
      ASSERT_TRUE(store_->TrimChanges(mailbox_.shard(), trim).ok());
    }
  };
  const auto read_to = [&](TenantId tenant, ShardId shard) {
    return std::optional(indexer_->ReadTo(tenant, shard));
  };
  Store({Mail(1, "apple", "x")});
  Index();
  EXPECT_EQ(indexer_->ReadTo(tenant_, mailbox_.shard()), 1U);
  Store({Mail(2, "apple", "x")});
  drop(100, read_to);
  EXPECT_EQ(store_->StartOfChanges(tenant_)->Last(mailbox_.shard()), 1U);
  Index();
  EXPECT_EQ(indexer_->stats().rebuilds, 0U);
  EXPECT_EQ(Find("apple"), (Seconds{2, 1}));
  Store({Mail(3, "apple", "x")});
  Delete(1);
  drop(200, nullptr);
  Store({Mail(4, "apple", "x")});
  ReopenIndex();
  EXPECT_EQ(indexer_->ReadTo(tenant_, mailbox_.shard()), 0U);
  Index();
  EXPECT_EQ(indexer_->stats().rebuilds, 1U);
  EXPECT_EQ(Find("apple"), (Seconds{4, 3, 2}));
}

TEST_F(IndexerTest, ADeletedDirectoryIsBuiltAnew) {
  Store({Mail(1, "apple", "x")});
  Index();
  indexes_.reset();
  std::filesystem::remove_all(directory_.path() + "/text");
  ReopenIndex();
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{1}));
}

TEST_F(IndexerTest, AnIndexAheadOfItsStoreIsBuiltAnew) {
  Store({Mail(1, "apple", "x"), Mail(2, "pear", "x")});
  Index();
  // As if a backup of the store had been put in place of one in which more happened.
  IndexFile* const file = indexes_->Writer(IndexOf(mailbox_)).value();
  IndexProgress later = *file->progress();
  later.position += 1000;
  ASSERT_TRUE(file->Begin().ok());
  ASSERT_TRUE(
      file->Put(MessageId::Make(mailbox_.shard(), 900), store::At(0), true, "quince ").ok());
  ASSERT_TRUE(file->Commit(later).ok());
  EXPECT_EQ(Find("quince"), (Seconds{0}));
  ReopenIndex();
  Index();
  EXPECT_EQ(indexer_->stats().rebuilds, 1U);
  EXPECT_EQ(Find("quince"), Seconds());
  EXPECT_EQ(Find("apple"), (Seconds{1}));
}

TEST_F(IndexerTest, ABodyThatComesLaterIsFound) {
  store::IngestMessage listed = Mail(1, "apple", "");
  listed.body.clear();
  listed.quarantined = true;
  listed.size = 100;
  listed.sha256 = {};
  store::MessageContent content;
  content.subject = "apple";
  content.unparsed_reason = "too large";
  listed.content = store::EncodeContent(content);
  Store({listed});
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{1}));
  store::IngestMessage whole = Mail(1, "apple", "cinnamon");
  whole.completes = true;
  Store({whole});
  Index();
  EXPECT_EQ(Find("apple cinnamon"), (Seconds{1}));
}

TEST_F(IndexerTest, AMailboxIsSearchedAlone) {
  const MailboxId bob = store_->EnsureMailbox(tenant_, "bob", "bob@acme.example").value();
  Store({Mail(1, "apple", "x"), Mail(3, "apple", "x")});
  StoreIn(bob, {Mail(2, "apple", "x")});
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{3, 2, 1}));
  EXPECT_EQ(Find("apple", 1, mailbox_), (Seconds{3, 1}));
  EXPECT_EQ(Find("apple", 1, bob), (Seconds{2}));
}

TEST_F(IndexerTest, ATenantIsSearchedOverItsShards) {
  std::vector<store::MailStore::NewMailbox> many;
  for (int i = 0; i < 600; ++i) {
    many.push_back({.name = "box" + std::to_string(i), .address = "b@acme.example"});
  }
  const std::vector<MailboxId> boxes = store_->EnsureMailboxes(tenant_, many).value();
  ASSERT_GT(store_->ShardsOf(tenant_).size(), 2U);
  for (size_t i = 0; i < boxes.size(); i += 50) {
    // Many of the same second.
    StoreIn(boxes[i],
            {Mail(7, "apple", std::to_string(i)), Mail(static_cast<Uid>(8 + i), "apple", "x")});
  }
  Index();
  const std::vector<Hit> all = FindHits("apple");
  EXPECT_EQ(all.size(), 24U);
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_TRUE(all[i - 1].second > all[i].second ||
                (all[i - 1].second == all[i].second && all[i].message < all[i - 1].message));
  }
  for (const size_t limit : {size_t{1}, size_t{5}, size_t{23}}) {
    const std::vector<Hit> paged = FindHits("apple", limit);
    ASSERT_EQ(paged.size(), all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(paged[i].message, all[i].message);
    }
  }
}

TEST_F(IndexerTest, TenantsDoNotSeeEachOther) {
  const TenantId other = store_->EnsureTenant("globex").value();
  Store({Mail(1, "apple", "x")});
  Index();
  Search search;
  search.tenant = other;
  search.text = "apple";
  EXPECT_TRUE(searcher_->Find(search)->items.empty());
}

TEST_F(IndexerTest, ADamagedFileIsNoticedAndBuiltAnew) {
  Store({Mail(1, "apple", "x")});
  Index();
  for (const size_t keep : {size_t{0}, size_t{100}, size_t{4096}}) {
    ReopenIndex();  // Closes the file, so that all of it lies in one.
    const std::string path = PathOf(IndexOf(mailbox_));
    const auto size = std::filesystem::file_size(path);
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(keep));
      file << std::string(size - keep, '\xA5');
    }
    // Whoever meets it first: the search, or the indexer.
    Search search;
    search.tenant = tenant_;
    search.text = "apple";
    EXPECT_EQ(searcher_->Find(search).status().code(), Code::kBusy) << keep;
    Index();
    EXPECT_EQ(Find("apple"), (Seconds{1})) << keep;
    EXPECT_EQ(indexer_->stats().rebuilds, 1U) << keep;
  }
}

TEST_F(IndexerTest, AFileOfAnotherTenantIsNotBelieved) {
  Store({Mail(1, "apple", "x")});
  Index();
  const TenantId other = store_->EnsureTenant("globex").value();
  const MailboxId mailbox = store_->EnsureMailbox(other, "carol", "c@globex.example").value();
  ReopenIndex();
  std::filesystem::copy(PathOf(IndexOf(mailbox_)),
                        PathOf({.shard = mailbox.shard(), .tenant = other}));
  Search search;
  search.tenant = other;
  search.text = "apple";
  EXPECT_EQ(searcher_->Find(search).status().code(), Code::kBusy);
}

TEST_F(IndexerTest, AFullDiskPausesIndexingAndNothingElse) {
  Store({Mail(1, "apple", "x")});
  Index();
  Store({Mail(2, "apple", "x")});
  files_.SetFreeBytes(kFreeBytesMin - 1);
  EXPECT_EQ(indexer_->Step(tenant_).status().code(), Code::kDiskFull);
  EXPECT_EQ(Find("apple"), (Seconds{1}));
  files_.SetFreeBytes(kFreeBytesMin);
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{2, 1}));
}

TEST_F(IndexerTest, AWriteThatFailsForRoomIsRepeated) {
  Index();
  ReopenIndex({.pages_max = 40});
  std::string large;
  for (int i = 0; i < 40'000; ++i) {
    large += "word" + std::to_string(i * 7919) + " ";
  }
  Store({Mail(1, "apple", large), Mail(2, "pear", "x")});
  EXPECT_EQ(indexer_->Step(tenant_).status().code(), Code::kDiskFull);
  EXPECT_EQ(Find("pear"), Seconds());  // All of the transaction or nothing.
  ReopenIndex();
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{1}));
  EXPECT_EQ(Find("pear"), (Seconds{2}));
}

TEST_F(IndexerTest, HostileMailIsIndexedWithinItsBounds) {
  std::string distinct;
  for (int i = 0; i < 1'000'000; ++i) {
    distinct += "w" + std::to_string(i) + "\n";
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) {
    deep += "<div>";
  }
  store::IngestMessage html =
      store::MessageOf(2, "Content-Type: text/html\r\n\r\n" + deep + "buried treasure\r\n");
  Store({Mail(1, "apple", distinct), html,
         Mail(3, "apple", std::string("nul\0nul \xFF\xFE\x80 after", 17)),
         Mail(4, "apple", std::string(3'000'000, 'z'))});
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{4, 3, 1}));
  EXPECT_EQ(Find("w1000"), (Seconds{1}));
  EXPECT_EQ(Find("w999999"), Seconds());  // Behind kBodyTextBytesMax.
  EXPECT_EQ(Find("treasure"), (Seconds{2}));
  EXPECT_EQ(Find("after"), (Seconds{3}));
}

TEST_F(IndexerTest, ABodyThatCannotBeReadLeavesTheRest) {
  Store({Mail(1, "apple", "cinnamon")});
  store::StoredMessage message = ListMailbox().front();
  const std::string path = files_.List("/blobs").value().front();
  files_.Tamper("/blobs/" + path, message.location.offset, "\xFF");
  Index();
  EXPECT_EQ(Find("apple"), (Seconds{1}));
  EXPECT_EQ(Find("cinnamon"), Seconds());
  EXPECT_EQ(indexer_->stats().bodies_unread, 1U);
}

TEST_F(IndexerTest, ASearchThatTakesTooLongEnds) {
  // A clock that jumps between two looks.
  class Jumping final : public Clock {
   public:
    TimePoint Now() const override { return now_ += kSearchTimeMax; }
    WallTime WallNow() const override { return {}; }

   private:
    mutable TimePoint now_{};
  };
  std::vector<store::IngestMessage> mails;
  for (Uid uid = 1; uid <= 900; ++uid) {
    mails.push_back(Mail(uid, "apple pear", "x"));
  }
  Store(mails);
  Index();
  const Jumping clock;
  Search search;
  search.tenant = tenant_;
  search.text = "apple pear";
  search.limit = 1000;
  EXPECT_EQ(Searcher(*store_, clock, *indexes_).Find(search).status().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(Find("apple pear").size(), 900U);
}

}  // namespace
}  // namespace mailhaul::search
