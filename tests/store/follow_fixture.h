// A MailStore with mailbox "alice", whose folders INBOX and Archive follow a source.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/identity.h"
#include "store/submission.h"
#include "tests/store/expect_sound.h"
#include "tests/store/mail_store_fixture.h"

namespace mailhaul::store {

inline MessageIdentity IdentityOf(const std::string& body) {
  return ComputeIdentity("header of " + body, body.size());
}

// As MessageOf(), with its identity.
inline IngestMessage KnownMessage(Uid uid, const std::string& body, uint8_t flags = 0) {
  IngestMessage message = MessageOf(uid, body, flags);
  message.identity = IdentityOf(body);
  return message;
}

// A message that is too large: listed without its bytes.
inline IngestMessage BodilessMessage(Uid uid, const std::string& body) {
  IngestMessage message = KnownMessage(uid, body);
  message.body.clear();
  message.sha256 = ComputeSha256({});
  message.quarantined = true;
  return message;
}

inline RelinkItem ItemOf(Uid uid, const std::string& body, uint8_t flags = 0) {
  RelinkItem item;
  item.uid = uid;
  item.flags = flags;
  item.internal_date = At(int64_t{1000} * uid);
  item.identity = IdentityOf(body);
  return item;
}

// For Outbox::Update(): an attempt that ends with the message taken.
inline Status SendIt(Submission& submission) {
  MH_RETURN_IF_ERROR(BeginAttempt(submission, At(1)));
  AttemptOutcome outcome;
  outcome.kind = AttemptOutcome::Kind::kSent;
  outcome.recipients = {
      {.recipient = 0, .accepted = true, .permanent = false, .code = 250, .text = "ok"}};
  return FinishAttempt(submission, outcome, At(2));
}

class FollowFixture : public MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    Onboard();
    archive_ = store_->EnsureFolder(mailbox_, "Archive", "archive").value();
  }
  void TearDown() override { ExpectSound(); }

  // Also for a new process.
  void ExpectSound() { store::ExpectSound(records_, files_, "/blobs"); }

  SyncCounts Sync(std::vector<FlagUpdate> flags, const UidSet& vanished,
                  uint32_t uid_validity = 1) {
    const Result<SyncCounts> counts = store_->ApplySync({.mailbox = mailbox_,
                                                         .folder = inbox_,
                                                         .uid_validity = uid_validity,
                                                         .flags = std::move(flags),
                                                         .vanished = vanished});
    EXPECT_TRUE(counts.ok()) << counts.status().ToString();
    return counts.ok() ? *counts : SyncCounts();
  }
  void Vanish(Uid first, Uid last, uint32_t uid_validity = 1) {
    UidSet vanished;
    vanished.AddRange({.first = first, .last = last});
    Sync({}, vanished, uid_validity);
  }
  std::string Relink(FolderId folder, uint32_t uid_validity, std::vector<RelinkItem> items) {
    const Result<UidSet> bound = store_->Relink(mailbox_, folder, uid_validity, items);
    EXPECT_TRUE(bound.ok()) << bound.status().ToString();
    return bound.ok() ? bound->ToSequenceSet() : "";
  }
  IngestBatch AppendTo(FolderId folder, std::vector<IngestMessage> messages,
                       uint32_t uid_validity = 1, bool relink_gone = false) {
    IngestBatch batch = BatchOf(std::move(messages), uid_validity);
    batch.folder = folder;
    batch.relink_gone = relink_gone;
    const Status status = Append(batch);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return batch;
  }
  std::string PlacedUids(FolderId folder, uint32_t uid_validity = 1) const {
    return store_->ReadPlacedUids(mailbox_, folder, uid_validity)->ToSequenceSet();
  }
  FolderRecord FolderOf(FolderId id) const {
    const std::vector<FolderRecord> folders = store_->ListFolders(mailbox_).value();
    return *std::find_if(folders.begin(), folders.end(),
                         [id](const FolderRecord& folder) { return folder.id == id; });
  }
  // The only message with these bytes.
  StoredMessage Only(const std::string& body) const {
    std::optional<StoredMessage> found;
    for (StoredMessage& message : ListMailbox()) {
      if (message.sha256 == ComputeSha256(body)) {
        EXPECT_FALSE(found.has_value()) << body << " is there twice";
        found = std::move(message);
      }
    }
    EXPECT_TRUE(found.has_value()) << body << " is missing";
    return found.value_or(StoredMessage());
  }

  FolderId archive_ = 0;
};

}  // namespace mailhaul::store
