// A MailStore over memory that tests can crash, damage and reopen.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "store/compression.h"
#include "store/mail_store.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"

namespace mailhaul::store {

class SettableClock final : public Clock {
 public:
  TimePoint Now() const override { return now_; }
  WallTime WallNow() const override { return WallTime(std::chrono::milliseconds(0)); }
  void Advance(Duration by) { now_ += by; }

 private:
  TimePoint now_{};
};

inline WallTime At(int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

inline void CompressIfSmaller(IngestMessage& message) {
  if (std::optional<std::string> compressed = CompressBody(message.body)) {
    message.body = *std::move(compressed);
    message.compressed = true;
  }
}

inline IngestMessage MessageOf(Uid uid, const std::string& body, uint8_t flags = 0) {
  IngestMessage message;
  message.uid = uid;
  message.flags = flags;
  message.internal_date = At(int64_t{1000} * uid);
  message.body = body;
  message.size = body.size();
  message.sha256 = ComputeSha256(body);
  MessageContent content;
  content.subject = "subject of " + std::to_string(uid);
  message.content = EncodeContent(content);
  message.thread = uid;
  if (uid % 2 == 0) {
    CompressIfSmaller(message);
  }
  return message;
}

inline std::string ReadAll(const ByteSource& source) {
  std::string out(source.size(), '\0');
  const Result<size_t> got = source.ReadAt(0, out);
  EXPECT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(got.ok() ? *got : 0, out.size());
  return out;
}

class MailStoreFixture : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  // Drops the store without a farewell and reads everything back.
  void Reopen() {
    store_.reset();
    blobs_.reset();
    Result<std::unique_ptr<BlobStore>> blobs = BlobStore::Open(files_, {.directory = "/blobs"});
    ASSERT_TRUE(blobs.ok()) << blobs.status().ToString();
    blobs_ = std::move(blobs).value();
    Result<std::unique_ptr<MailStore>> store = MailStore::Open(records_, *blobs_, clock_);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = std::move(store).value();
  }

  // Tenant "acme", mailbox "alice", folder "INBOX".
  void Onboard() {
    tenant_ = store_->EnsureTenant("acme").value();
    mailbox_ = store_->EnsureMailbox(tenant_, "alice", "alice@acme.example").value();
    inbox_ = store_->EnsureFolder(mailbox_, "INBOX", "inbox").value();
  }

  IngestBatch BatchOf(std::vector<IngestMessage> messages, uint32_t uid_validity = 1) const {
    IngestBatch batch;
    batch.mailbox = mailbox_;
    batch.folder = inbox_;
    batch.uid_validity = uid_validity;
    batch.messages = std::move(messages);
    return batch;
  }

  Status Append(IngestBatch& batch) {
    IngestBatch* const one = &batch;
    store_->Append({&one, 1});
    return batch.status;
  }
  IngestBatch AppendOk(std::vector<IngestMessage> messages, uint32_t uid_validity = 1) {
    IngestBatch batch = BatchOf(std::move(messages), uid_validity);
    const Status status = Append(batch);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return batch;
  }

  std::vector<StoredMessage> ListAll(MessageQuery query) const {
    std::vector<StoredMessage> all;
    for (;;) {
      Result<MessagePage> page = store_->ListMessages(query);
      EXPECT_TRUE(page.ok()) << page.status().ToString();
      if (!page.ok()) {
        return all;
      }
      all.insert(all.end(), page->items.begin(), page->items.end());
      if (!page->more || page->items.empty()) {
        return all;
      }
      query.cursor_date = all.back().internal_date;
      query.cursor_id = all.back().id;
    }
  }
  std::vector<StoredMessage> ListMailbox() const {
    MessageQuery query;
    query.tenant = tenant_;
    query.mailbox = mailbox_;
    return ListAll(query);
  }

  std::string RawOf(const StoredMessage& message) const {
    Result<std::unique_ptr<ByteSource>> source = store_->OpenRaw(message);
    EXPECT_TRUE(source.ok()) << source.status().ToString();
    return source.ok() ? ReadAll(**source) : std::string();
  }
  FolderRecord Inbox() const {
    for (const FolderRecord& folder : store_->ListFolders(mailbox_).value()) {
      if (folder.id == inbox_) {
        return folder;
      }
    }
    return {};
  }

  MemoryFileSystem files_;
  MemoryKeyValueStore records_;
  SettableClock clock_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<MailStore> store_;
  TenantId tenant_;
  MailboxId mailbox_;
  FolderId inbox_ = 0;
};

}  // namespace mailhaul::store
