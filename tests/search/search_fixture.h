// A mail store in memory, and its full text indexes in a directory on disk.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/mime/message_parser.h"
#include "engine/search/index_set.h"
#include "engine/search/indexer.h"
#include "engine/search/searcher.h"
#include "tests/store/mail_store_fixture.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::search {

class SearchFixture : public store::MailStoreFixture {
 protected:
  void SetUp() override {
    MailStoreFixture::SetUp();
    mime::Initialize();
    Onboard();
    ReopenIndex();
  }

  // As after a restart of the process.
  void ReopenIndex(IndexFile::Options options = {}) {
    searcher_.reset();
    indexer_.reset();
    indexes_.reset();
    indexes_ = std::make_unique<IndexSet>(directory_.path() + "/text", options);
    indexer_ = std::make_unique<Indexer>(*store_, files_, clock_, *indexes_);
    searcher_ = std::make_unique<Searcher>(*store_, clock_, *indexes_);
  }

  IndexId IndexOf(MailboxId mailbox) const { return {.shard = mailbox.shard(), .tenant = tenant_}; }
  std::string PathOf(const IndexId& id) const {
    return directory_.path() + "/text/" + FileNameOf(id);
  }

  store::IngestMessage Mail(Uid uid, const std::string& subject, const std::string& body) const {
    store::IngestMessage message = store::MessageOf(uid, "Subject: x\r\n\r\n" + body + "\r\n");
    store::MessageContent content;
    content.subject = subject;
    message.content = store::EncodeContent(content);
    return message;
  }
  void Store(std::vector<store::IngestMessage> messages) { AppendOk(std::move(messages)); }
  // Of another mailbox than alice, in its INBOX.
  void StoreIn(MailboxId mailbox, std::vector<store::IngestMessage> messages) {
    store::IngestBatch batch = BatchOf(std::move(messages));
    batch.mailbox = mailbox;
    batch.folder = store_->EnsureFolder(mailbox, "INBOX", "inbox").value();
    ASSERT_TRUE(Append(batch).ok());
  }
  void Delete(Uid uid) {
    store::FolderSync sync;
    sync.mailbox = mailbox_;
    sync.folder = inbox_;
    sync.uid_validity = 1;
    sync.vanished.Add(uid);
    ASSERT_TRUE(store_->ApplySync(sync).ok());
    ASSERT_TRUE(store_->RemoveGone(mailbox_, 100).ok());
  }

  // Until nothing is left to do.
  void Index() {
    for (int step = 0; step < 10'000; ++step) {
      const Result<bool> more = indexer_->Step(tenant_);
      ASSERT_TRUE(more.ok()) << more.status().ToString();
      if (!*more) {
        return;
      }
    }
    FAIL() << "it does not end";
  }

  // The numbers of the second that messages were received in, which MessageOf() makes the UID's, in
  // the order found; page by page.
  std::vector<int64_t> Find(const std::string& text, size_t limit = 100,
                            std::optional<MailboxId> mailbox = std::nullopt) const {
    std::vector<int64_t> found;
    for (const Hit& hit : FindHits(text, limit, mailbox)) {
      found.push_back(
          std::chrono::duration_cast<std::chrono::seconds>(hit.second.time_since_epoch()).count());
    }
    return found;
  }
  std::vector<Hit> FindHits(const std::string& text, size_t limit = 100,
                            std::optional<MailboxId> mailbox = std::nullopt) const {
    std::vector<Hit> found;
    Search search;
    search.tenant = tenant_;
    search.mailbox = mailbox;
    search.text = text;
    search.limit = limit;
    for (;;) {
      const Result<Hits> page = searcher_->Find(search);
      EXPECT_TRUE(page.ok()) << page.status().ToString();
      if (!page.ok()) {
        return found;
      }
      EXPECT_LE(page->items.size(), limit);
      found.insert(found.end(), page->items.begin(), page->items.end());
      if (!page->more) {
        return found;
      }
      search.behind = found.back();
    }
  }

  store::TemporaryDirectory directory_;
  std::unique_ptr<IndexSet> indexes_;
  std::unique_ptr<Indexer> indexer_;
  std::unique_ptr<Searcher> searcher_;
};

using Seconds = std::vector<int64_t>;

}  // namespace mailhaul::search
