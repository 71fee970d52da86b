#include "engine/search/searcher.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/search/words.h"

namespace mailhaul::search {
namespace {

bool ListedBefore(const Hit& a, const Hit& b) {
  return a.second != b.second ? a.second > b.second : b.message < a.message;
}

Status TookTooLong() { return {Code::kResourceExhausted, "the search took too long"}; }

// The greatest key of a shard that the search asks for.
IndexKey HighOf(const Search& search, ShardId shard) {
  IndexKey high = std::numeric_limits<IndexKey>::max();
  if (search.before) {
    high = LastKeyOf(*search.before - std::chrono::milliseconds(1));
  }
  if (search.behind) {
    const WallTime second = search.behind->second;
    const ShardId last = search.behind->message.shard();
    const IndexKey behind = shard < last   ? LastKeyOf(second)
                            : shard > last ? FirstKeyOf(second) - 1
                                           : KeyOf(second, search.behind->message) - 1;
    high = std::min(high, behind);
  }
  return high;
}

}  // namespace

Result<std::vector<IndexKey>> Searcher::FindIn(const IndexId& id, const Search& search,
                                               const std::string& expression,
                                               TimePoint deadline) const {
  Result<IndexSet::Lent> lent = indexes_.TakeReader(id);
  if (!lent.ok()) {
    return lent.status();
  }
  const IndexKey low = search.after ? FirstKeyOf(*search.after) : 0;
  Result<std::vector<IndexKey>> keys =
      lent->reader->Find(expression, low, HighOf(search, id.shard), search.limit + 1,
                         [&] { return clock_.Now() >= deadline; });
  if (keys.ok()) {
    indexes_.GiveBack(id, std::move(lent).value());
  } else if (keys.status().code() == Code::kCorrupt) {
    indexes_.NoteDamaged(id);
  }
  return keys;
}

Result<Hits> Searcher::Find(const Search& search) const {
  MH_ASSIGN_OR_RETURN(std::string expression, MatchExpression(search.text));
  std::vector<ShardId> shards;
  if (search.mailbox) {
    expression = "\"" + MailboxToken(*search.mailbox) + "\" AND " + expression;
    shards.push_back(search.mailbox->shard());
  } else {
    shards = store_.ShardsOf(search.tenant);
  }
  const TimePoint deadline = clock_.Now() + kSearchTimeMax;
  Hits hits;
  for (const ShardId shard : shards) {
    if (clock_.Now() >= deadline) {
      return TookTooLong();
    }
    const IndexId id{.shard = shard, .tenant = search.tenant};
    const Result<std::vector<IndexKey>> keys = FindIn(id, search, expression, deadline);
    if (!keys.ok()) {
      switch (keys.status().code()) {
        case Code::kNotFound:
          continue;  // Nothing is indexed of it.
        case Code::kCorrupt:
          return Status(Code::kBusy, "the full text index is damaged; it is built anew: " +
                                         keys.status().message());
        case Code::kTimeout:
          return TookTooLong();
        default:
          return keys.status();
      }
    }
    const auto middle = static_cast<std::ptrdiff_t>(hits.items.size());
    for (const IndexKey key : *keys) {
      hits.items.push_back({.second = TimeOf(key), .message = MessageOf(key, shard)});
    }
    std::inplace_merge(hits.items.begin(), hits.items.begin() + middle, hits.items.end(),
                       ListedBefore);
    hits.items.resize(std::min(hits.items.size(), search.limit + 1));
  }
  hits.more = hits.items.size() > search.limit;
  hits.items.resize(std::min(hits.items.size(), search.limit));
  return hits;
}

}  // namespace mailhaul::search
