#include "store/change_trim.h"

#include <optional>
#include <string>

#include "store/key_layout.h"
#include "tests/store/follow_fixture.h"

namespace mailhaul::store {
namespace {

using std::chrono::hours;

class ChangeTrimTest : public FollowFixture {
 protected:
  static WallTime Hour(int64_t hour) { return WallTime(hours(hour)); }

  // Steps until nothing is left to drop; returns how many.
  int Trim(WallTime now, std::optional<uint64_t> read_to = std::nullopt) {
    ChangeTrim trim;
    trim.now = now;
    trim.keep = hours(24);
    trim.read_to = [read_to](TenantId, ShardId) { return read_to; };
    for (int steps = 1; steps < 100; ++steps) {
      const Result<bool> more = store_->TrimChanges(mailbox_.shard(), trim);
      EXPECT_TRUE(more.ok()) << more.status().ToString();
      if (!more.ok() || !*more) {
        return steps;
      }
    }
    ADD_FAILURE() << "it does not end";
    return 0;
  }
  std::vector<uint64_t> Kept() const {
    return NumbersBehind(store_->StartOfChanges(tenant_).value()).value();
  }
  Result<std::vector<uint64_t>> NumbersBehind(const ChangePosition& position) const {
    MH_ASSIGN_OR_RETURN(const ChangePage page, store_->ListChanges(tenant_, position, 1000));
    std::vector<uint64_t> numbers;
    for (const Change& change : page.changes) {
      numbers.push_back(change.sequence);
    }
    return numbers;
  }
  ChangePosition Behind(uint64_t number) const {
    ChangePosition position;
    position.Set(mailbox_.shard(), number);
    return position;
  }
  void Receive(Uid first, Uid last) {
    std::vector<IngestMessage> messages;
    for (Uid uid = first; uid <= last; ++uid) {
      messages.push_back(KnownMessage(uid, "body " + std::to_string(uid)));
    }
    AppendOk(std::move(messages));
  }
};

TEST_F(ChangeTrimTest, DropsWhatIsOlderAndTellsWhoMissesIt) {
  Receive(1, 2);
  Trim(Hour(100));
  Receive(3, 3);
  Trim(Hour(110));
  EXPECT_EQ(Kept(), (std::vector<uint64_t>{1, 2, 3}));
  Trim(Hour(123));
  EXPECT_EQ(Kept(), (std::vector<uint64_t>{1, 2, 3}));
  Trim(Hour(124));
  EXPECT_EQ(Kept(), (std::vector<uint64_t>{3}));
  EXPECT_EQ(NumbersBehind({}).status().code(), Code::kNotFound);
  EXPECT_EQ(NumbersBehind(Behind(1)).status().code(), Code::kNotFound);
  EXPECT_EQ(NumbersBehind(Behind(2)).value(), (std::vector<uint64_t>{3}));
  EXPECT_EQ(NumbersBehind(Behind(3)).value(), std::vector<uint64_t>());
  Reopen();
  Trim(Hour(140));
  EXPECT_EQ(Kept(), std::vector<uint64_t>());
  // With nothing left, the end is still the end.
  EXPECT_EQ(store_->EndOfChanges(tenant_)->Last(mailbox_.shard()), 3U);
  EXPECT_EQ(NumbersBehind(Behind(2)).status().code(), Code::kNotFound);
  Receive(4, 4);
  EXPECT_EQ(NumbersBehind(Behind(3)).value(), (std::vector<uint64_t>{4}));
}

TEST_F(ChangeTrimTest, WhatAReaderHasNotTakenInStaysTwiceAsLong) {
  Receive(1, 3);
  Trim(Hour(0));
  Trim(Hour(47), 1);
  EXPECT_EQ(Kept(), (std::vector<uint64_t>{2, 3}));
  Trim(Hour(47), 2);
  EXPECT_EQ(Kept(), (std::vector<uint64_t>{3}));
  Trim(Hour(48), 2);
  EXPECT_EQ(Kept(), std::vector<uint64_t>());
}

TEST_F(ChangeTrimTest, NothingToDropOrNoteWritesNothing) {
  Trim(Hour(0));
  const uint64_t before = records_.commits();
  Trim(Hour(200));
  EXPECT_EQ(records_.commits(), before);
  Receive(1, 1);
  Trim(Hour(200));
  const uint64_t noted = records_.commits();
  Receive(2, 2);
  Trim(Hour(200) + std::chrono::minutes(59));  // Noted no more than 24 times in what is kept.
  EXPECT_EQ(records_.commits(), noted + 1);
}

TEST_F(ChangeTrimTest, GoesInBoundedBatchesAndOnAfterACrash) {
  constexpr Uid kMessages = 6000;
  Receive(1, kMessages);
  Trim(Hour(0));
  ChangeTrim trim;
  trim.now = Hour(24);
  trim.keep = hours(24);
  EXPECT_TRUE(store_->TrimChanges(mailbox_.shard(), trim).value());
  EXPECT_EQ(store_->StartOfChanges(tenant_)->Last(mailbox_.shard()), kChangesTrimmedMax);
  ExpectSound();
  for (const auto fault :
       {MemoryKeyValueStore::Fault::kUnknownLost, MemoryKeyValueStore::Fault::kUnknownApplied}) {
    records_.InjectFault(1, fault);
    EXPECT_EQ(store_->TrimChanges(mailbox_.shard(), trim).status().code(), Code::kUnknownOutcome);
    Reopen();
    ExpectSound();
  }
  EXPECT_EQ(Trim(Hour(24)), 1);
  EXPECT_EQ(Kept(), std::vector<uint64_t>());
  EXPECT_EQ(store_->EndOfChanges(tenant_)->Last(mailbox_.shard()), kMessages);
}

TEST_F(ChangeTrimTest, AClockThatWasWrongOnlyDelays) {
  Receive(1, 1);
  Trim(Hour(1'000'000));
  Receive(2, 2);
  Trim(Hour(100));  // Set right: both had happened by now.
  EXPECT_EQ(Kept(), (std::vector<uint64_t>{1, 2}));
  Trim(Hour(102));
  Trim(Hour(126));
  EXPECT_EQ(Kept(), std::vector<uint64_t>());
}

TEST_F(ChangeTrimTest, AQuietTenantMissesNothingBecauseOfAnotherInItsShard) {
  // Until two tenants share a shard.
  std::map<ShardId, std::pair<TenantId, MailboxId>> seen;
  std::optional<std::pair<TenantId, MailboxId>> quiet;
  for (int i = 0; !quiet; ++i) {
    ASSERT_LT(i, 5000);
    const std::string name = "t" + std::to_string(i);
    tenant_ = store_->EnsureTenant(name).value();
    mailbox_ = store_->EnsureMailbox(tenant_, "m", "m@x.example").value();
    const auto [known, is_new] = seen.emplace(mailbox_.shard(), std::pair(tenant_, mailbox_));
    if (!is_new) {
      quiet = known->second;
    }
  }
  const TenantId busy = tenant_;
  inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "").value();
  const MailboxId busy_mailbox = std::exchange(mailbox_, quiet->second);
  const FolderId busy_inbox =
      std::exchange(inbox_, store_->EnsureFolder(mailbox_, "INBOX", "").value());
  Receive(1, 1);
  mailbox_ = busy_mailbox;
  inbox_ = busy_inbox;
  Receive(1, 5);
  const auto hold_quiet = [&](TenantId tenant, ShardId) {
    return tenant == quiet->first ? std::optional<uint64_t>(0) : std::nullopt;
  };
  ChangeTrim trim{.now = Hour(0), .keep = hours(24), .read_to = hold_quiet};
  ASSERT_TRUE(store_->TrimChanges(mailbox_.shard(), trim).ok());
  trim.now = Hour(30);
  ASSERT_TRUE(store_->TrimChanges(mailbox_.shard(), trim).ok());
  tenant_ = busy;
  EXPECT_EQ(Kept(), std::vector<uint64_t>());
  tenant_ = quiet->first;
  EXPECT_EQ(NumbersBehind({}).value(), (std::vector<uint64_t>{1}));
}

TEST_F(ChangeTrimTest, WhoListensIsNotToldOfWhatWasDropped) {
  int told = 0;
  store_->OnChanges([&](TenantId) { ++told; });
  Receive(1, 1);
  EXPECT_EQ(told, 1);
  Trim(Hour(0));
  Trim(Hour(24));
  EXPECT_EQ(Kept(), std::vector<uint64_t>());
  EXPECT_EQ(told, 1);
}

TEST_F(ChangeTrimTest, DamageIsNotTakenForAnAnswer) {
  Receive(1, 2);
  Trim(Hour(0));
  const std::string times = ChangeTimesKey(mailbox_.shard());
  const std::string kept = *records_.Get(times).value();
  records_.Tamper(times, kept + "x");
  ChangeTrim trim{.now = Hour(30), .keep = hours(24), .read_to = nullptr};
  EXPECT_EQ(store_->TrimChanges(mailbox_.shard(), trim).status().code(), Code::kCorrupt);
  records_.Tamper(times, kept);
  ASSERT_TRUE(store_->TrimChanges(mailbox_.shard(), trim).ok());
  const std::string dropped = DroppedChangesKey(mailbox_.shard(), tenant_);
  const std::string last = *records_.Get(dropped).value();
  records_.Tamper(dropped, "x");
  EXPECT_EQ(NumbersBehind({}).status().code(), Code::kCorrupt);
  records_.Tamper(dropped, last);
  trim.keep = std::chrono::milliseconds(1);
  EXPECT_EQ(store_->TrimChanges(mailbox_.shard(), trim).status().code(), Code::kInvalidArgument);
}

TEST(ChangeMarksTest, OtherBytesAreRefused) {
  const std::vector<ChangeMark> marks = {{.next = 1, .at = At(-5)}, {.next = 7, .at = At(-5)}};
  const std::string value = EncodeChangeMarks(marks);
  EXPECT_EQ(DecodeChangeMarks(value).value(), marks);
  std::vector<ChangeMark> many;
  for (uint64_t i = 0; i <= kChangeMarksMax; ++i) {
    many.push_back({.next = i, .at = At(0)});
  }
  for (const std::string& bytes :
       {std::string(), value + "x", value + value, EncodeChangeMarks(many),
        EncodeChangeMarks({{.next = 1, .at = At(5)}, {.next = 2, .at = At(4)}})}) {
    EXPECT_EQ(DecodeChangeMarks(bytes).status().code(), Code::kCorrupt);
  }
}

}  // namespace
}  // namespace mailhaul::store
