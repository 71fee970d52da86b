// Power cuts at every commit, write and sync of a run: whatever the ledger says is stored can be
// read with the right hash, what was acknowledged is there, and nothing is there twice.
#include <map>
#include <set>

#include "base/random.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

constexpr int kAppends = 6;

class MailStoreCrash : public MailStoreFixture {
 protected:
  static std::string BodyOf(int append, Uid uid) {
    // Some bodies are twins, some larger than a block, some large.
    return uid % 3 == 0 ? "twin"
                        : std::string(uid * 2000, 'x') + std::to_string(append * 100 + uid);
  }

  // Appends until the machine is off, and says which (validity, uid) were acknowledged.
  std::set<std::pair<uint32_t, Uid>> Run() {
    std::set<std::pair<uint32_t, Uid>> acknowledged;
    for (int append = 0; append < kAppends; ++append) {
      const uint32_t uid_validity = append < kAppends / 2 ? 1 : 2;
      const Uid first = static_cast<Uid>(append % (kAppends / 2)) * 4 + 1;
      std::vector<IngestMessage> messages;
      for (Uid uid = first; uid < first + 4; ++uid) {
        messages.push_back(MessageOf(uid, BodyOf(append % (kAppends / 2), uid)));
      }
      IngestBatch batch = BatchOf(std::move(messages), uid_validity);
      if (!Append(batch).ok()) {
        break;
      }
      for (Uid uid = first; uid < first + 4; ++uid) {
        acknowledged.emplace(uid_validity, uid);
      }
    }
    return acknowledged;
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

  void CheckInvariants(const std::set<std::pair<uint32_t, Uid>>& acknowledged) {
    std::map<std::pair<uint32_t, Uid>, int> placements;
    uint64_t bytes = 0;
    const std::vector<StoredMessage> all = ListMailbox();
    for (const StoredMessage& message : all) {
      ++placements[{message.uid_validity, message.uid}];
      bytes += message.size;
      EXPECT_EQ(ComputeSha256(RawOf(message)), message.sha256);
    }
    for (const auto& [uid, count] : placements) {
      EXPECT_EQ(count, 1);
      EXPECT_TRUE(store_->ReadLedger(mailbox_, inbox_, uid.first)->Contains(uid.second));
    }
    for (const uint32_t uid_validity : {1U, 2U}) {
      const UidSet ledger = store_->ReadLedger(mailbox_, inbox_, uid_validity).value();
      for (const auto& [validity, uid] : acknowledged) {
        EXPECT_TRUE(validity != uid_validity || ledger.Contains(uid));
      }
      // An entry of the last UIDVALIDITY has its message; one of the first may have been re-linked.
      const bool last = uid_validity == 2 || store_->ReadLedger(mailbox_, inbox_, 2)->empty();
      for (const Uid uid : ledger.ToVector()) {
        EXPECT_TRUE(!last || placements.contains({uid_validity, uid})) << uid;
      }
    }
    EXPECT_EQ(store_->GetMailbox(mailbox_)->messages, all.size());
    EXPECT_EQ(store_->GetMailbox(mailbox_)->bytes, bytes);
    EXPECT_EQ(Inbox().messages, all.size());
  }

  void FinishAndCheck() {
    EXPECT_EQ(Run().size(), static_cast<size_t>(kAppends) * 4);
    CheckInvariants({});
    EXPECT_EQ(ListMailbox().size(), static_cast<size_t>(kAppends) * 2);
  }
};

TEST_F(MailStoreCrash, APowerCutAtAnyCommitLosesNothingAcknowledgedAndDoublesNothing) {
  Onboard();
  for (uint64_t commit = 0; commit <= kAppends; ++commit) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const std::string name = "m" + std::to_string(commit) + "-" + std::to_string(seed);
      mailbox_ = store_->EnsureMailbox(tenant_, name, "a@x").value();
      inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
      records_.FreezeAfter(commit);
      const std::set<std::pair<uint32_t, Uid>> acknowledged = Run();
      EXPECT_EQ(acknowledged.size(), commit * 4);
      Restart(seed);
      CheckInvariants(acknowledged);
      FinishAndCheck();
    }
  }
}

TEST_F(MailStoreCrash, APowerCutBeforeAnySyncOrWriteOfBodiesDoesNeither) {
  Onboard();
  for (uint64_t nth = 1; nth <= 4; ++nth) {
    for (const bool at_sync : {false, true}) {
      const std::string name = "m" + std::to_string(nth) + (at_sync ? "s" : "w");
      mailbox_ = store_->EnsureMailbox(tenant_, name, "a@x").value();
      inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
      if (at_sync) {
        files_.FailSync(nth, Status(Code::kIo, "injected"));
      } else {
        files_.FailWrite(nth, Status(Code::kIo, "injected"));
      }
      const std::set<std::pair<uint32_t, Uid>> acknowledged = Run();
      Restart(nth);
      CheckInvariants(acknowledged);
      FinishAndCheck();
    }
  }
}

TEST_F(MailStoreCrash, ACommitOfUnknownFateIsSettledByTryingAgain) {
  Onboard();
  for (uint64_t nth = 1; nth <= kAppends; ++nth) {
    for (const auto fault :
         {MemoryKeyValueStore::Fault::kUnknownApplied, MemoryKeyValueStore::Fault::kUnknownLost}) {
      const std::string name = std::to_string(nth) + std::to_string(static_cast<int>(fault));
      mailbox_ = store_->EnsureMailbox(tenant_, name, "a@x").value();
      inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
      records_.InjectFault(nth, fault);
      const std::set<std::pair<uint32_t, Uid>> acknowledged = Run();
      EXPECT_EQ(acknowledged.size(), (nth - 1) * 4);
      CheckInvariants(acknowledged);
      FinishAndCheck();
    }
  }
}

}  // namespace
}  // namespace mailhaul::store
