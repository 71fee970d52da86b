// Random mail, deletions, restarts and crashes, against a naive scan over what is stored.
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/random.h"
#include "tests/search/search_fixture.h"

namespace mailhaul::search {
namespace {

constexpr int kStepsPerSeed = 60;
constexpr uint64_t kSeeds = 12;
// Few words and few seconds, so that much matches and much is of one second.
constexpr std::array<const char*, 8> kVocabulary = {"apple", "pear",   "plum",   "fig",
                                                    "été",   "привет", "東京都", "京都"};
constexpr uint64_t kSecondsMax = 20;

struct Known {
  int64_t second;
  std::string text;
};

class ModelTest : public SearchFixture {
 protected:
  std::string RandomText(size_t words) {
    std::string text;
    for (size_t i = 0; i < words; ++i) {
      text += std::string(kVocabulary[random_->Below(kVocabulary.size())]) + ", ";
    }
    return text;
  }

  void StoreSome() {
    std::vector<store::IngestMessage> mails;
    for (uint64_t count = 1 + random_->Below(30); count > 0; --count) {
      const Uid uid = ++last_uid_;
      const std::string text = RandomText(1 + random_->Below(4));
      store::IngestMessage mail = Mail(uid, text, "body " + std::to_string(uid));
      const auto second = static_cast<int64_t>(random_->Below(kSecondsMax));
      mail.internal_date = store::At(second * 1000);
      texts_[uid] = {.second = second, .text = text};
      mails.push_back(std::move(mail));
    }
    Store(std::move(mails));
  }

  void DeleteSome() {
    for (uint64_t count = random_->Below(10); count > 0 && !texts_.empty(); --count) {
      auto victim = texts_.begin();
      std::advance(victim, static_cast<std::ptrdiff_t>(random_->Below(texts_.size())));
      Delete(victim->first);
      texts_.erase(victim);
    }
  }

  // A kill at a random moment: the file as it was, with as much of its log as had been written.
  void Crash() {
    const std::string path = PathOf(IndexOf(mailbox_));
    if (!std::filesystem::exists(path)) {
      return;
    }
    namespace fs = std::filesystem;
    const std::string kept = directory_.path() + "/kept";
    fs::remove_all(kept);
    fs::copy(directory_.path() + "/text", kept);
    ReopenIndex();  // Ends the connections, which tidies up.
    fs::remove_all(directory_.path() + "/text");
    fs::copy(kept, directory_.path() + "/text");
    fs::remove(path + "-shm");
    const std::string log = path + "-wal";
    if (fs::exists(log)) {
      fs::resize_file(log, random_->Below(fs::file_size(log) + 1));
    }
    ReopenIndex();
  }

  void Compare() {
    std::map<MessageId, Uid> uids;
    for (const store::StoredMessage& message : ListMailbox()) {
      uids[message.id] = message.uid;
    }
    ASSERT_EQ(uids.size(), texts_.size());
    const std::string wanted = RandomWords();
    std::vector<MessageId> expected;
    // As the store lists them: newest first, then the greatest id.
    for (const store::StoredMessage& message : ListMailbox()) {
      if (HasAll(texts_.at(message.uid).text, wanted)) {
        expected.push_back(message.id);
      }
    }
    std::vector<MessageId> found;
    for (const Hit& hit : FindHits(wanted, 1 + random_->Below(9))) {
      found.push_back(hit.message);
    }
    EXPECT_EQ(found, expected) << wanted;
  }

  std::string RandomWords() {
    wanted_.clear();
    std::string text;
    for (uint64_t count = 1 + random_->Below(2); count > 0; --count) {
      wanted_.emplace_back(kVocabulary[random_->Below(kVocabulary.size())]);
      text += wanted_.back() + " ";
    }
    return text;
  }

  bool HasAll(const std::string& text, const std::string& /*wanted*/) const {
    return std::all_of(wanted_.begin(), wanted_.end(), [&text](const std::string& word) {
      return text.find(word) != std::string::npos;
    });
  }

  std::optional<SeededRandom> random_;
  Uid last_uid_ = 0;
  std::map<Uid, Known> texts_;
  std::vector<std::string> wanted_;
};

TEST_F(ModelTest, WhatIsFoundIsWhatANaiveScanFinds) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    random_.emplace(seed);
    for (int step = 0; step < kStepsPerSeed; ++step) {
      switch (random_->Below(6)) {
        case 0:
        case 1:
          StoreSome();
          break;
        case 2:
          DeleteSome();
          break;
        case 3:
          ASSERT_TRUE(indexer_->Step(tenant_).ok());
          break;
        case 4:
          random_->Below(2) == 0 ? Crash() : ReopenIndex();
          break;
        default:
          Index();
          Compare();
      }
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_EQ(indexer_->stats().rebuilds, 0U);
  }
}

}  // namespace
}  // namespace mailhaul::search
