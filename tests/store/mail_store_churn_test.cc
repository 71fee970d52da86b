// Power cuts and failed commits at every batch of everything that follows a source: rows and
// counters are sound at once, and the same calls again end where an undisturbed run ends.
#include <functional>
#include <map>

#include "base/random.h"
#include "store/records.h"
#include "tests/store/follow_fixture.h"
#include "tests/support/sanitized.h"

namespace mailhaul::store {
namespace {

using Fault = MemoryKeyValueStore::Fault;

constexpr Uid kMessages = 150;
constexpr uint8_t kSeen = 1;

class MailStoreChurn : public FollowFixture {
 protected:
  struct Fate {
    FolderId folder = 0;
    uint32_t uid_validity = 0;
    Uid uid = 0;
    uint8_t flags = 0;
    bool gone = false;
    friend bool operator==(const Fate&, const Fate&) = default;
  };
  using Fates = std::map<Sha256, Fate>;
  using Step = std::function<Status()>;

  // Every run has a tenant, and so a shard, of its own.
  void NewMailbox() {
    tenant_ = store_->EnsureTenant("tenant " + std::to_string(++runs_)).value();
    mailbox_ = store_->EnsureMailbox(tenant_, "alice", "alice@acme.example").value();
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
    archive_ = store_->EnsureFolder(mailbox_, "Archive", "archive").value();
    ids_.clear();
  }

  static std::string BodyOf(Uid uid) { return "body " + std::to_string(uid); }
  // So many that a batch holds few messages. They differ in case only, and so are one tag, since
  // the rows of tags are not what this is about.
  static std::vector<std::string> ManyKeywords() {
    std::vector<std::string> keywords;
    for (size_t i = 0; i < kKeywordsMax; ++i) {
      std::string keyword(kKeywordBytesMax, 'k');
      for (size_t bit = 0; (i >> bit) != 0; ++bit) {
        keyword[bit] = ((i >> bit) & 1) != 0 ? 'K' : 'k';
      }
      keywords.push_back(std::move(keyword));
    }
    return keywords;
  }
  static UidSet Range(Uid first, Uid last) {
    UidSet set;
    set.AddRange({.first = first, .last = last});
    return set;
  }

  Status AppendRange(FolderId folder, Uid first, Uid last, Uid offset, bool relink_gone) {
    IngestBatch batch = BatchOf({});
    batch.folder = folder;
    batch.relink_gone = relink_gone;
    for (Uid uid = first; uid <= last; ++uid) {
      batch.messages.push_back(KnownMessage(uid + offset, BodyOf(uid)));
      batch.messages.back().keywords = ManyKeywords();
    }
    return Append(batch);
  }
  Status SyncFlags() {
    FolderSync sync{
        .mailbox = mailbox_, .folder = inbox_, .uid_validity = 1, .flags = {}, .vanished = {}};
    for (Uid uid = 1; uid <= kMessages; ++uid) {
      sync.flags.push_back({.uid = uid, .flags = kSeen, .keywords = ManyKeywords()});
    }
    return store_->ApplySync(sync).status();
  }
  Status SyncVanished(Uid first, Uid last) {
    return store_
        ->ApplySync({.mailbox = mailbox_,
                     .folder = inbox_,
                     .uid_validity = 1,
                     .flags = {},
                     .vanished = Range(first, last)})
        .status();
  }
  Status RelinkRange(FolderId folder, uint32_t uid_validity, Uid first, Uid last) {
    std::vector<RelinkItem> items;
    for (Uid uid = first; uid <= last; ++uid) {
      items.push_back(ItemOf(uid + 1000, BodyOf(uid)));
      items.back().keywords = ManyKeywords();
    }
    return store_->Relink(mailbox_, folder, uid_validity, items).status();
  }
  Status RemoveAll() {
    for (;;) {
      MH_ASSIGN_OR_RETURN(const uint64_t removed, store_->RemoveGone(mailbox_, 7));
      if (removed == 0) {
        return Status::Ok();
      }
    }
  }

  std::vector<Step> Steps() {
    return {
        [this] { return AppendRange(inbox_, 1, kMessages, 0, false); },
        [this] { return SyncFlags(); },
        [this] { return SyncVanished(1, 130); },
        [this] { return RelinkRange(archive_, 1, 1, 60); },
        [this] { return AppendRange(archive_, 61, 110, 1000, true); },
        [this] { return RelinkRange(inbox_, 2, 131, 140); },
        [this] { return store_->MarkStaleGone(mailbox_, inbox_, 2).status(); },
        [this] { return RemoveAll(); },
        [this] { return store_->MarkFolderGone(mailbox_, archive_).status(); },
    };
  }

  // Takes the steps from `step` on, until one fails.
  size_t Run(const std::vector<Step>& steps, size_t step) {
    for (; step < steps.size(); ++step) {
      if (!steps[step]().ok()) {
        break;
      }
      if (step == 0) {
        ExpectSameIds(ListMailbox());  // Notes those that all messages got.
      }
    }
    return step;
  }

  void ExpectSameIds(const std::vector<StoredMessage>& messages) {
    for (const StoredMessage& message : messages) {
      const auto [known, first] = ids_.emplace(message.sha256, message.id);
      EXPECT_EQ(known->second, message.id);
    }
  }

  Fates ReadFates() {
    Fates fates;
    const std::vector<StoredMessage> messages = ListMailbox();
    ExpectSameIds(messages);
    for (const StoredMessage& message : messages) {
      const bool first = fates
                             .emplace(message.sha256, Fate{.folder = message.folder,
                                                           .uid_validity = message.uid_validity,
                                                           .uid = message.uid,
                                                           .flags = message.flags,
                                                           .gone = message.gone})
                             .second;
      EXPECT_TRUE(first) << "doubled";
    }
    return fates;
  }

  void Restart(uint64_t seed) {
    records_.Freeze();
    store_.reset();
    blobs_.reset();
    SeededRandom random(seed);
    files_.DropUnsynced(random);
    records_.Thaw();
    Reopen();
  }

  // What an undisturbed run ends with, and how many commits it takes.
  std::pair<Fates, uint64_t> Undisturbed() {
    NewMailbox();
    const std::vector<Step> steps = Steps();
    const uint64_t before = records_.commits();
    EXPECT_EQ(Run(steps, 0), steps.size());
    ExpectSound();
    return {ReadFates(), records_.commits() - before};
  }

  int runs_ = 0;
  std::map<Sha256, MessageId> ids_;
};

TEST_F(MailStoreChurn, APowerCutBetweenAnyTwoBatchesIsHarmless) {
  const auto [fates, commits] = Undisturbed();
  EXPECT_EQ(fates.size(), 120U);  // 110 in the archive, 10 in the inbox.
  ASSERT_GT(commits, 20U);
  for (uint64_t commit = 0; commit <= commits; commit += test_support::kRoundsShare) {
    NewMailbox();
    const std::vector<Step> steps = Steps();
    records_.FreezeAfter(commit);
    const size_t step = Run(steps, 0);
    EXPECT_EQ(step == steps.size(), commit == commits);
    Restart(commit);
    ExpectSound();
    EXPECT_EQ(Run(steps, step), steps.size());
    ExpectSound();
    EXPECT_EQ(ReadFates(), fates) << "cut after commit " << commit;
  }
}

TEST_F(MailStoreChurn, AFailedCommitIsSettledByTheSameCallAgain) {
  const auto [fates, commits] = Undisturbed();
  for (const Fault fault : {Fault::kUnknownApplied, Fault::kUnknownLost, Fault::kDiskFull,
                            Fault::kConflict, Fault::kBusy}) {
    const bool unknown = fault == Fault::kUnknownApplied || fault == Fault::kUnknownLost;
    for (uint64_t nth = 1; nth <= commits; nth += (unknown ? 1 : 3) * test_support::kRoundsShare) {
      NewMailbox();
      const std::vector<Step> steps = Steps();
      records_.InjectFault(nth, fault);
      size_t step = Run(steps, 0);
      const bool retried = fault == Fault::kConflict || fault == Fault::kBusy;
      EXPECT_EQ(step == steps.size(), retried);
      ExpectSound();
      step = Run(steps, step);
      EXPECT_EQ(step, steps.size());
      ExpectSound();
      EXPECT_EQ(ReadFates(), fates) << "commit " << nth << " failed";
    }
  }
}

TEST_F(MailStoreChurn, EndlessConflictsAndDiskErrorsAreReported) {
  AppendOk({KnownMessage(1, "one")});
  for (uint64_t nth = 1; nth <= 20; ++nth) {
    records_.InjectFault(nth, Fault::kConflict);
  }
  EXPECT_EQ(SyncVanished(1, 1).code(), Code::kConflict);
  records_.InjectFault(15, Fault::kIo);
  while (SyncVanished(1, 1).code() == Code::kConflict) {
  }
  EXPECT_EQ(SyncVanished(1, 1).code(), Code::kIo);
  EXPECT_EQ(store_->RemoveGone(mailbox_, 1).status().code(), Code::kIo);
  Restart(1);
  EXPECT_TRUE(SyncVanished(1, 1).ok());
  EXPECT_EQ(Inbox().gone, 1U);
}

TEST_F(MailStoreChurn, APowerCutBetweenBatchesOfUidlsKeepsTheirOrder) {
  constexpr Uid kKeys = 30'000;
  std::vector<UidlKey> keys(kKeys);
  for (Uid i = 0; i < kKeys; ++i) {
    const uint32_t mixed = i * 2654435761U;  // Stored in another order than listed.
    std::copy_n(reinterpret_cast<const unsigned char*>(&mixed), sizeof(mixed), keys[i].begin());
  }
  for (uint64_t commit = 0; commit < 2; ++commit) {
    NewMailbox();
    records_.FreezeAfter(commit);
    EXPECT_FALSE(store_->AssignUidls(mailbox_, inbox_, keys, At(0)).ok());
    Restart(commit);
    const std::vector<Uid> uids = store_->AssignUidls(mailbox_, inbox_, keys, At(0)).value();
    for (Uid i = 0; i < kKeys; ++i) {
      ASSERT_EQ(uids[i], i + 1);
    }
  }
}

}  // namespace
}  // namespace mailhaul::store
