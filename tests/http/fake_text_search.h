// A text index that finds subjects, by looking at all of them: as slow as it is right.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "engine/http/text_search.h"
#include "store/mail_store.h"

namespace mailhaul::http {

class FakeTextSearch final : public TextSearch {
 public:
  explicit FakeTextSearch(const store::MailStore& store) : store_(store) {}

  // Subjects that contain the text.
  Result<TextHits> Find(const TextQuery& query) override {
    queries.push_back(query);
    if (!failure.ok()) {
      return failure;
    }
    TextHits hits;
    for (const MessagePosition& each : All(query)) {
      if (hits.items.size() == query.limit) {
        hits.more = true;
        break;
      }
      hits.items.push_back(each);
    }
    return hits;
  }
  std::optional<WallTime> IndexedTo(TenantId /*tenant*/) override { return indexed_to; }

  Status failure;
  std::optional<WallTime> indexed_to;
  std::vector<MessagePosition> gone;  // Found as well, though the store has none of them.
  std::vector<TextQuery> queries;

 private:
  static WallTime SecondOf(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); }
  static bool ListedBefore(const MessagePosition& a, const MessagePosition& b) {
    return a.date != b.date ? a.date > b.date : b.id < a.id;
  }

  std::vector<MessagePosition> All(const TextQuery& query) const {
    std::vector<MessagePosition> found = gone;
    store::MessageQuery all;
    all.tenant = query.tenant;
    all.limit = 1000;
    for (const store::StoredMessage& message : store_.ListMessages(all).value().items) {
      if (message.content.subject.find(query.text) != std::string::npos) {
        found.push_back({.date = SecondOf(message.internal_date), .id = message.id});
      }
    }
    std::sort(found.begin(), found.end(), ListedBefore);
    if (query.behind.has_value()) {
      const MessagePosition behind{.date = SecondOf(query.behind->date), .id = query.behind->id};
      std::erase_if(found,
                    [&behind](const MessagePosition& each) { return !ListedBefore(behind, each); });
    }
    return found;
  }

  const store::MailStore& store_;
};

}  // namespace mailhaul::http
