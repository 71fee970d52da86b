// Finds messages by their words, in the indexes as they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "engine/search/index_set.h"
#include "store/mail_store.h"

namespace mailhaul::search {

// A search that takes longer ends with kResourceExhausted.
inline constexpr Duration kSearchTimeMax = std::chrono::seconds(5);

struct Hit {
  WallTime second{};  // The second of its received_at; of the years 1970 to 2105.
  MessageId message;  // May have been deleted since.
};

struct Search {
  TenantId tenant;
  std::optional<MailboxId> mailbox;  // Of the tenant; absent: all of its mailboxes.
  std::string text;                  // As the user typed it: see words.h.
  // To the second: hits may lie outside by less than one.
  std::optional<WallTime> after;   // Inclusive.
  std::optional<WallTime> before;  // Exclusive.
  std::optional<Hit> behind;       // Only what comes after it in the order.
  size_t limit = 100;              // 1 .. 1000
};

struct Hits {
  std::vector<Hit> items;  // Latest second first, then greatest id first.
  bool more = false;
};

// Any thread; blocks on disk.
class Searcher final {
 public:
  Searcher(const store::MailStore& store, const Clock& clock, IndexSet& indexes)
      : store_(store), clock_(clock), indexes_(indexes) {}

  // kInvalidArgument: see MatchExpression(). kBusy: an index was damaged and is built anew.
  Result<Hits> Find(const Search& search) const;

 private:
  Result<std::vector<IndexKey>> FindIn(const IndexId& id, const Search& search,
                                       const std::string& expression, TimePoint deadline) const;

  const store::MailStore& store_;
  const Clock& clock_;
  IndexSet& indexes_;
};

}  // namespace mailhaul::search
