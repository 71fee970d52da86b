// What a query of messages has to find, by a look at each.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "tests/store/store_model.h"

namespace mailhaul::store {

// The thread that the model's messages with this content are in.
inline uint64_t ThreadOf(const std::string& content) { return std::hash<std::string>()(content); }

inline bool IsIn(const MessageQuery& query, const ModelMessage& message) {
  const std::vector<std::string> tags = message.tags();
  const auto is_wanted = [&](const std::string& tag) { return EqualsIgnoreCase(tag, *query.tag); };
  return (!query.folder || message.shown_folder() == *query.folder) &&
         (!query.thread || ThreadOf(message.content) == *query.thread) &&
         (!query.tag || std::any_of(tags.begin(), tags.end(), is_wanted));
}

// The same messages, newest first, in pages of a random size. Those of the model are all of the
// tenant's.
inline void ExpectListed(const MailStore& store, MessageQuery query, StoreModel& model,
                         Random& random) {
  query.limit = 1 + random.Below(4);
  query.skip_max = 1 + random.Below(4);
  std::vector<MessageId> listed;
  for (bool more = true; more;) {
    const Result<MessagePage> page = store.ListMessages(query);
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    for (const StoredMessage& message : page->items) {
      listed.push_back(message.id);
    }
    query.cursor_date = page->next_date;
    query.cursor_id = page->next_id;
    more = page->more;
  }
  std::vector<ModelMessage*> wanted = model.shown();
  std::erase_if(wanted, [&](const ModelMessage* message) { return !IsIn(query, *message); });
  std::sort(wanted.begin(), wanted.end(), [](const ModelMessage* a, const ModelMessage* b) {
    return std::pair(b->date, b->id) < std::pair(a->date, a->id);
  });
  std::vector<MessageId> expected;
  for (const ModelMessage* message : wanted) {
    expected.push_back(message->id);
  }
  EXPECT_EQ(listed, expected);
}

}  // namespace mailhaul::store
