#include <gtest/gtest.h>

#include <array>
#include <map>

#include "base/random.h"
#include "store/key_layout.h"
#include "store/mail_store_cache.h"
#include "store/outbox.h"
#include "store/sealed_secrets.h"
#include "tests/store/expect_sound.h"
#include "tests/store/follow_fixture.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {
namespace {

using Fault = MemoryKeyValueStore::Fault;

class MailStoreRemovalTest : public MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    Onboard();
    bob_ = store_->EnsureMailbox(tenant_, "bob", "bob@acme.example").value();
    bobs_inbox_ = store_->EnsureFolder(bob_, "INBOX", "inbox").value();
  }

  // Alice: placed, gone and deleted messages, a UIDL, two submissions. Bob has some bodies too.
  void Fill() {
    AppendOk({MessageOf(1, "only hers"), MessageOf(2, "shared"), MessageOf(3, "vanishes"),
              MessageOf(4, "is deleted"), MessageOf(5, "is deleted and vanishes")});
    Give(bob_, bobs_inbox_, {MessageOf(1, "shared"), MessageOf(2, "his")});
    for (const StoredMessage& message : ListMailbox()) {
      if (message.uid >= 4) {
        ASSERT_TRUE(store_->DeleteMessage(message.id, nullptr).ok());
      }
    }
    FolderSync sync;
    sync.mailbox = mailbox_;
    sync.folder = inbox_;
    sync.uid_validity = 1;
    sync.vanished.Add(3);
    sync.vanished.Add(5);
    ASSERT_TRUE(store_->ApplySync(sync).ok());
    const std::array keys = {IdentityOf("uidl 1"), IdentityOf("uidl 2")};
    ASSERT_TRUE(store_->AssignUidls(mailbox_, inbox_, keys, At(0)).ok());
    Submit(mailbox_, "hers to send");
    Submit(bob_, "his to send");
    MailboxRecord check = store_->GetMailbox(mailbox_).value();
    check.last_complete = At(5);
    ASSERT_TRUE(store_->SaveMailboxCheck(check).ok());
  }

  void Give(MailboxId mailbox, FolderId folder, std::vector<IngestMessage> messages) {
    IngestBatch batch = BatchOf(std::move(messages));
    batch.mailbox = mailbox;
    batch.folder = folder;
    ASSERT_TRUE(Append(batch).ok());
  }

  SubmissionId Submit(MailboxId mailbox, const std::string& body) {
    NewSubmission request;
    request.mailbox = mailbox;
    request.from = "a@acme.example";
    request.recipients = {"b@else.example"};
    request.body = body;
    request.sha256 = ComputeSha256(body);
    request.message_id = "<" + body + ">";
    request.deadline = At(1'000'000);
    request.idempotency_key = body;
    return Outbox(*store_).Accept(request).value().submission.id;
  }

  // Every step to the end, and all is sound after each.
  void RemoveAll(bool reopening = false) {
    constexpr int kStepsMax = 100;
    int steps = 0;
    for (Result<bool> more = true; *more && steps < kStepsMax; ++steps) {
      if (reopening) {
        Reopen();
      }
      more = store_->ContinueRemovals();
      ASSERT_TRUE(more.ok()) << more.status().ToString();
      ExpectSound(records_, files_, "/blobs");
    }
    EXPECT_EQ(store_->removals_pending(), 0U);
    ASSERT_LT(steps, kStepsMax);
  }

  // Rows whose key has these bytes, by keyspace.
  std::map<Keyspace, size_t> RowsWith(const std::string& bytes) {
    std::map<Keyspace, size_t> rows;
    for (uint8_t keyspace = kKeyspaceFirst; keyspace <= kKeyspaceLast; ++keyspace) {
      const std::string prefix(1, static_cast<char>(keyspace));
      const Status visited =
          VisitRows(records_, prefix, [&](std::string_view key, std::string_view /*value*/) {
            rows[static_cast<Keyspace>(keyspace)] +=
                key.substr(kKeyPrefixBytes).find(bytes) != std::string_view::npos ? 1 : 0;
            return Status::Ok();
          });
      EXPECT_TRUE(visited.ok()) << visited.ToString();
    }
    std::erase_if(rows, [](const auto& each) { return each.second == 0; });
    return rows;
  }
  static std::string BytesOf(MailboxId mailbox) {
    std::string bytes;
    AppendU64(bytes, mailbox.value);
    return bytes;
  }
  bool HasReference(const std::string& body) {
    return records_.Get(BlobKey(mailbox_.shard(), tenant_, ComputeSha256(body)))->has_value();
  }

  MailboxId bob_;
  FolderId bobs_inbox_ = 0;
};

TEST_F(MailStoreRemovalTest, LeavesNothingOfItAndAllOfTheOthers) {
  Fill();
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  RemoveAll();
  EXPECT_EQ(RowsWith(BytesOf(mailbox_)), (std::map<Keyspace, size_t>{{Keyspace::kRemoval, 1}}));
  for (const char* const body : {"only hers", "vanishes", "is deleted", "hers to send"}) {
    EXPECT_EQ(HasReference(body), std::string_view(body) == "is deleted") << body;
  }
  mailbox_ = bob_;
  const std::vector<StoredMessage> his = ListMailbox();
  ASSERT_EQ(his.size(), 2U);
  EXPECT_EQ(RawOf(his[0]), "his");
  EXPECT_EQ(RawOf(his[1]), "shared");
  const DueSubmission due = Outbox(*store_).ListDue(At(1'000'000), {}, 10)->items.at(0);
  EXPECT_EQ(due.mailbox, bob_);
}

TEST_F(MailStoreRemovalTest, NobodyFindsItFromTheBeginning) {
  Fill();
  const StoredMessage message = ListMailbox().at(0);
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  for (int i = 0; i < 2; ++i) {  // And after a restart.
    EXPECT_FALSE(store_->FindMailbox(tenant_, "alice"));
    EXPECT_EQ(store_->GetMailbox(mailbox_).status().code(), Code::kNotFound);
    EXPECT_EQ(store_->ListFolders(mailbox_).status().code(), Code::kNotFound);
    EXPECT_EQ(store_->GetMessage(message.id).status().code(), Code::kNotFound);
    EXPECT_EQ(store_->DeleteMessage(message.id, nullptr).code(), Code::kNotFound);
    EXPECT_TRUE(ListMailbox().empty());
    MessageQuery everything;
    everything.tenant = tenant_;
    everything.limit = 1;  // A page of removed messages only is passed over.
    const std::vector<StoredMessage> listed = ListAll(everything);
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0].mailbox, bob_);
    IngestBatch late = BatchOf({MessageOf(9, "late")});
    EXPECT_EQ(Append(late).code(), Code::kNotFound);
    const UidlKey key = IdentityOf("late");
    const Uid uid = 7;
    EXPECT_EQ(store_->BindUidls(mailbox_, inbox_, {&key, 1}, {&uid, 1}, At(0)).code(),
              Code::kNotFound);
    MailboxRecord check;
    check.id = mailbox_;
    EXPECT_EQ(store_->SaveMailboxCheck(check).code(), Code::kNotFound);
    EXPECT_TRUE(store_->FlushChecks().ok());
    EXPECT_EQ(store_->RemoveMailbox(mailbox_).code(), Code::kNotFound);
    Reopen();
  }
  RemoveAll();
}

TEST_F(MailStoreRemovalTest, GoesOnAfterEveryRestart) {
  Fill();
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  // A restart goes back to the first stage, so it must not come between all steps.
  Reopen();
  EXPECT_EQ(store_->removals_pending(), 1U);
  for (int steps = 1; store_->removals_pending() > 0; ++steps) {
    ASSERT_LT(steps, 30);
    for (int i = 0; i < steps; ++i) {
      ASSERT_TRUE(store_->ContinueRemovals().ok());
    }
    ExpectSound(records_, files_, "/blobs");
    Reopen();
  }
  EXPECT_EQ(RowsWith(BytesOf(mailbox_)), (std::map<Keyspace, size_t>{{Keyspace::kRemoval, 1}}));
}

TEST_F(MailStoreRemovalTest, ANewMailboxOfThatNameSharesNothingWithIt) {
  Fill();
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  const MailboxId again = store_->EnsureMailbox(tenant_, "alice", "alice@acme.example").value();
  EXPECT_NE(again, mailbox_);
  const FolderId inbox = store_->EnsureFolder(again, "INBOX", "inbox").value();
  ASSERT_TRUE(store_->ContinueRemovals().ok());
  // Its reference was just deleted: the body is stored again.
  Give(again, inbox, {MessageOf(1, "only hers")});
  RemoveAll();
  Reopen();
  EXPECT_EQ(store_->FindMailbox(tenant_, "alice"), again);
  mailbox_ = again;
  ASSERT_EQ(ListMailbox().size(), 1U);
  EXPECT_EQ(RawOf(ListMailbox()[0]), "only hers");
}

TEST_F(MailStoreRemovalTest, TheChangeLogTellsOfEveryMessageAndThenOfTheMailbox) {
  Fill();
  const ChangePosition before = store_->EndOfChanges(tenant_).value();
  const std::vector<StoredMessage> shown = ListMailbox();
  ASSERT_EQ(shown.size(), 3U);
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  RemoveAll();
  Reopen();
  const std::vector<Change> changes = store_->ListChanges(tenant_, before, 100)->changes;
  ASSERT_EQ(changes.size(), shown.size() + 1);
  for (size_t i = 0; i < shown.size(); ++i) {
    EXPECT_EQ(changes[i].entry.type, ChangeEntry::Type::kMessageDeleted);
  }
  EXPECT_EQ(changes.back().entry.type, ChangeEntry::Type::kMailboxUpdated);
  EXPECT_EQ(changes.back().entry.mailbox, mailbox_);
  EXPECT_EQ(store_->NameOf(mailbox_), "alice");
}

TEST_F(MailStoreRemovalTest, FailingCommitsDelayIt) {
  Fill();
  constexpr std::array kFaults = {Fault::kConflict, Fault::kBusy, Fault::kDiskFull,
                                  Fault::kUnknownApplied, Fault::kUnknownLost};
  SeededRandom random(7);
  const auto insist = [&](const std::function<Status()>& call) {
    records_.InjectFault(1, kFaults[random.Below(kFaults.size())]);
    for (int i = 0; i < 3 && !call().ok(); ++i) {
    }
  };
  insist([&] {
    const Status status = store_->RemoveMailbox(mailbox_);
    return status.code() == Code::kNotFound ? Status::Ok() : status;
  });
  Reopen();  // After an unknown outcome: what is stored counts.
  if (store_->removals_pending() == 0) {
    ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  }
  for (int steps = 0; store_->removals_pending() > 0; ++steps) {
    ASSERT_LT(steps, 100);
    insist([&] { return store_->ContinueRemovals().status(); });
    ExpectSound(records_, files_, "/blobs");
  }
  EXPECT_EQ(RowsWith(BytesOf(mailbox_)), (std::map<Keyspace, size_t>{{Keyspace::kRemoval, 1}}));
}

TEST_F(MailStoreRemovalTest, ATenantGoesWithAllItHas) {
  Fill();
  const TenantId other = store_->EnsureTenant("other").value();
  const MailboxId carol = store_->EnsureMailbox(other, "carol", "c@other.example").value();
  Give(carol, store_->EnsureFolder(carol, "INBOX", "inbox").value(), {MessageOf(1, "shared")});
  ASSERT_TRUE(store_->RemoveTenant(tenant_).ok());
  EXPECT_FALSE(store_->FindTenant("acme"));
  EXPECT_EQ(store_->RemoveTenant(tenant_).code(), Code::kNotFound);
  EXPECT_EQ(store_->EnsureMailbox(tenant_, "x", "x@acme.example").status().code(), Code::kNotFound);
  Reopen();
  const TenantId again = store_->EnsureTenant("acme").value();
  EXPECT_NE(again, tenant_);
  RemoveAll();
  Reopen();
  EXPECT_EQ(RowsWith(BytesOf(mailbox_)).size() + RowsWith(BytesOf(bob_)).size(), 0U);
  // Its change log and references have its number at the beginning of the key.
  EXPECT_FALSE(HasReference("shared"));
  EXPECT_TRUE(store_->EndOfChanges(tenant_)->Encode().empty());
  EXPECT_EQ(store_->FindTenant("acme"), again);
  tenant_ = other;
  mailbox_ = carol;
  EXPECT_EQ(RawOf(ListMailbox().at(0)), "shared");
}

TEST_F(MailStoreRemovalTest, ItsTokensGoAtOnce) {
  SeededRandom random(1);
  const SecretBox box = SecretBox::FromKey(Secret(std::string(32, 'k'))).value();
  for (const char* const name :
       {"oauth2/acme/alice", "oauth2-submission/acme/alice", "oauth2/acme/bob"}) {
    ASSERT_TRUE(SaveSecret(records_, box, name, "token", random).ok());
  }
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  std::vector<std::string> left;
  ASSERT_TRUE(ReadSecrets(records_, box, "", [&](std::string_view name, const Result<Secret>&) {
                left.emplace_back(name);
              }).ok());
  EXPECT_EQ(left, std::vector<std::string>{"oauth2/acme/bob"});
}

TEST_F(MailStoreRemovalTest, WithATenantGoSecretsOfMailboxesThatItNeverHad) {
  SeededRandom random(1);
  const SecretBox box = SecretBox::FromKey(Secret(std::string(32, 'k'))).value();
  const std::vector<std::string> others = {"mailbox/acm/x", "mailbox/acme-2/x", "oauth2/acme2/x"};
  std::vector<std::string> names = others;
  for (const std::string kind : {"mailbox/", "oauth2/", "oauth2-submission/"}) {
    names.push_back(kind + "acme/alice");
    for (int i = 0; i < 600; ++i) {  // More than one batch takes.
      names.push_back(kind + "acme/unknown" + std::to_string(i));
    }
  }
  for (const std::string& name : names) {
    ASSERT_TRUE(SaveSecret(records_, box, name, "secret", random).ok());
  }
  ASSERT_TRUE(store_->RemoveTenant(tenant_).ok());
  std::vector<std::string> left;
  ASSERT_TRUE(ReadSecrets(records_, box, "", [&](std::string_view name, const Result<Secret>&) {
                left.emplace_back(name);
              }).ok());
  EXPECT_EQ(left, others);
}

TEST_F(MailStoreRemovalTest, BucketsFillUpAgain) {
  std::vector<MailStore::NewMailbox> many;
  for (int i = 0; i < 600; ++i) {
    many.push_back({.name = "m" + std::to_string(i), .address = "m@acme.example"});
  }
  const std::vector<MailboxId> ids = store_->EnsureMailboxes(tenant_, many).value();
  for (size_t i = 0; i < 300; i += 2) {
    ASSERT_TRUE(store_->RemoveMailbox(ids[i]).ok());
  }
  Reopen();
  for (int i = 0; i < 600; ++i) {
    many[static_cast<size_t>(i)].name = "n" + std::to_string(i);
  }
  ASSERT_TRUE(store_->EnsureMailboxes(tenant_, many).ok());
  std::map<ShardId, size_t> counts;
  for (const MailboxId mailbox : store_->MailboxesOf(tenant_)) {
    ++counts[mailbox.shard()];
  }
  EXPECT_LE(counts.size(), 6U);
  for (const auto& [shard, count] : counts) {
    EXPECT_LE(count, 256U);
  }
}

TEST_F(MailStoreRemovalTest, WhatIsTooOldGoesAndItsUidsStayKnown) {
  std::vector<IngestMessage> messages;
  for (Uid uid = 1; uid <= 2500; ++uid) {
    messages.push_back(MessageOf(uid, "body " + std::to_string(uid)));
  }
  AppendOk(std::move(messages));
  Give(bob_, bobs_inbox_, {MessageOf(1, "body 1"), MessageOf(2001, "his")});
  ASSERT_TRUE(store_->CountBytes({&tenant_, 1}).ok());
  const ChangePosition before = store_->EndOfChanges(tenant_).value();
  std::string next;
  int steps = 0;
  for (Result<bool> more = true; *more; ++steps) {
    more = store_->RemoveExpired(tenant_, mailbox_.shard(), At(2'001'000), next);
    ASSERT_TRUE(more.ok()) << more.status().ToString();
    ExpectSound(records_, files_, "/blobs");
  }
  EXPECT_GE(steps, 3);  // Bounded ones.
  const std::vector<StoredMessage> left = ListMailbox();
  ASSERT_EQ(left.size(), 500U);
  EXPECT_EQ(left.back().uid, 2001U);  // Received at that moment: not before it.
  EXPECT_EQ(Inbox().placed, 500U);
  EXPECT_EQ(store_->ReadLedger(mailbox_, inbox_, 1)->size(), 2500U);
  EXPECT_FALSE(HasReference("body 1"));
  uint64_t bytes = std::string_view("his").size();
  for (const StoredMessage& message : left) {
    bytes += message.size;
  }
  EXPECT_EQ(store_->BytesOf(tenant_), bytes);
  EXPECT_EQ(store_->ListChanges(tenant_, before, 1000)->changes.at(0).entry.type,
            ChangeEntry::Type::kMessageDeleted);
  // The same UIDs are duplicates.
  EXPECT_EQ(AppendOk({MessageOf(1, "body 1")}).duplicates, 1U);
}

// Deletes a reference between a writer's look at it and its commit, as another owner of the shard,
// or a collector of bodies, would.
class InterleavingStore final : public KeyValueStore {
 public:
  explicit InterleavingStore(MemoryKeyValueStore& base) : base_(base) {}
  void DeleteBeforeNextCommit(std::string key) { key_ = std::move(key); }

  Result<std::optional<std::string>> Get(std::string_view key) override { return base_.Get(key); }
  Result<bool> Scan(const ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    return base_.Scan(request, visit);
  }
  void Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) override {
    if (!key_.empty()) {
      Batch deletion;
      deletion.shard = ShardOfKey(key_);
      deletion.expectations.push_back({.key = key_, .value = *base_.Get(key_)});
      deletion.Delete(std::exchange(key_, {}));
      Outcome outcome;
      base_.Commit({&deletion, 1}, {&outcome, 1});
      EXPECT_EQ(outcome.kind, Outcome::Kind::kDone);
    }
    base_.Commit(batches, outcomes);
  }

 private:
  MemoryKeyValueStore& base_;
  std::string key_;
};

TEST_F(MailStoreRemovalTest, AWriterWhoseReferenceWasReclaimedStoresTheBodyAgain) {
  AppendOk({MessageOf(1, "is deleted")});
  ASSERT_TRUE(store_->RemoveMailbox(mailbox_).ok());
  Give(bob_, bobs_inbox_, {MessageOf(1, "is deleted")});
  RemoveAll();
  mailbox_ = bob_;
  inbox_ = bobs_inbox_;
  ASSERT_TRUE(store_->DeleteMessage(ListMailbox().at(0).id, nullptr).ok());
  store_.reset();

  InterleavingStore between(records_);
  store_ = MailStore::Open(between, *blobs_, clock_).value();
  ASSERT_TRUE(HasReference("is deleted"));  // Of nobody.
  between.DeleteBeforeNextCommit(BlobKey(bob_.shard(), tenant_, ComputeSha256("is deleted")));
  const uint64_t written = blobs_->bytes_written();
  Give(bob_, bobs_inbox_, {MessageOf(2, "is deleted")});
  EXPECT_GT(blobs_->bytes_written(), written);
  EXPECT_EQ(Inbox().placed, 2U);
  ExpectSound(records_, files_, "/blobs");
  store_.reset();
}

}  // namespace
}  // namespace mailhaul::store
