// Binding stored messages to the UIDs they have now, by identity.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "store/key_layout.h"
#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

// Placements of one identity that are looked at. A message with more copies is downloaded.
constexpr size_t kCopiesMax = 4096;

struct Candidate {
  MessageId id;
  Placement placement;
};

struct Match {
  const RelinkItem* item = nullptr;
  Candidate candidate;
};

// All items and candidates of one identity that are still to be matched.
struct Group {
  FolderId folder = 0;
  std::vector<const RelinkItem*> items;  // By UID.
  std::vector<Candidate> candidates;     // Those of the folder first, each part by UID.

  // How many candidates lie in the folder itself. While there is one, those of other folders are
  // not for it to give way to: left behind, it would be shown beside the one that took its place.
  size_t Own() const {
    return static_cast<size_t>(std::count_if(
        candidates.begin(), candidates.end(),
        [this](const Candidate& candidate) { return candidate.placement.folder == folder; }));
  }

  bool HaveEqualBytes() const {
    return std::all_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
      return candidate.placement.sha256 == candidates.front().placement.sha256;
    });
  }

  // The index of the only candidate with this date, if no other item has it.
  std::optional<size_t> OnlyOneOf(WallTime date) const {
    const auto has_date = [date](const RelinkItem* item) { return item->internal_date == date; };
    std::optional<size_t> found;
    if (std::count_if(items.begin(), items.end(), has_date) != 1) {
      return found;
    }
    const size_t own = Own();
    for (size_t i = 0; i < (own > 0 ? own : candidates.size()); ++i) {
      if (candidates[i].placement.internal_date == date) {
        if (found) {
          return std::nullopt;
        }
        found = i;
      }
    }
    return found;
  }
};

// Takes the item out whose date tells its candidate. What remains may be clear by then.
bool MatchOneByDate(Group& group, std::vector<Match>& matches) {
  for (size_t i = 0; i < group.items.size(); ++i) {
    const RelinkItem* item = group.items[i];
    if (const std::optional<size_t> found = group.OnlyOneOf(item->internal_date)) {
      const auto candidate = group.candidates.begin() + static_cast<std::ptrdiff_t>(*found);
      matches.push_back({.item = item, .candidate = std::move(*candidate)});
      group.candidates.erase(candidate);
      group.items.erase(group.items.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
  }
  return false;
}

std::vector<Match> MatchGroup(Group group) {
  std::vector<Match> matches;
  while (!group.items.empty() && !group.candidates.empty()) {
    const size_t items = group.items.size();
    if ((items == group.candidates.size() || items == group.Own()) && group.HaveEqualBytes()) {
      for (size_t i = 0; i < group.items.size(); ++i) {
        matches.push_back({.item = group.items[i], .candidate = std::move(group.candidates[i])});
      }
      break;
    }
    if (!MatchOneByDate(group, matches)) {
      break;
    }
  }
  return matches;
}

class Relinker final {
 public:
  Relinker(MailStore::Impl& store, const LedgerId& to, std::span<const RelinkItem> items)
      : store_(store), to_(to), items_(items) {}

  Result<UidSet> Run() {
    MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(to_.mailbox));
    MH_ASSIGN_OR_RETURN(const FolderState* folder, FindFolder(*mailbox, to_.folder));
    static_cast<void>(folder);
    MH_RETURN_IF_ERROR(MakeGroups());
    auto done = groups_.cbegin();
    while (done != groups_.cend()) {
      auto next = done;
      const auto fill = [&](ShardBatch& batch) {
        next = done;
        return TakeGroups(batch, next);
      };
      MH_RETURN_IF_ERROR(CommitShardBatch(store_, to_.mailbox.shard(), fill));
      done = next;
    }
    return Accounted();
  }

 private:
  using Groups = std::map<MessageIdentity, std::vector<const RelinkItem*>>;

  Status MakeGroups() {
    UidSet seen;
    for (const RelinkItem& item : items_) {
      if (item.uid == 0) {
        return {Code::kInvalidArgument, "an item without a UID"};
      }
      if (!seen.Contains(item.uid)) {
        seen.Add(item.uid);
        groups_[item.identity].push_back(&item);
      }
    }
    for (auto& [identity, group] : groups_) {
      std::sort(group.begin(), group.end(),
                [](const RelinkItem* a, const RelinkItem* b) { return a->uid < b->uid; });
    }
    return Status::Ok();
  }

  // A group that does not fit is continued with what is left of it.
  Status TakeGroups(ShardBatch& batch, Groups::const_iterator& next) {
    MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(to_.mailbox));
    MH_ASSIGN_OR_RETURN(Ledger * ledger, store_.cache.LedgerOf(to_));
    for (; next != groups_.end(); ++next) {
      Group group;
      group.folder = to_.folder;
      std::copy_if(next->second.begin(), next->second.end(), std::back_inserter(group.items),
                   [&](const RelinkItem* item) { return !ledger->Contains(item->uid); });
      if (group.items.empty()) {
        continue;
      }
      MH_ASSIGN_OR_RETURN(group.candidates, FindCandidates(next->first));
      for (Match& match : MatchGroup(std::move(group))) {
        if (batch.full()) {
          return Status::Ok();
        }
        MH_RETURN_IF_ERROR(Bind(batch, *mailbox, match));
        batch.AddToLedger(to_, *ledger, match.item->uid);
      }
    }
    return Status::Ok();
  }

  Result<std::vector<Candidate>> FindCandidates(const MessageIdentity& identity) {
    std::vector<MessageId> copies;
    const std::string prefix = IdentityPrefix(to_.mailbox, identity);
    const auto visit = [&](std::string_view key, std::string_view /*value*/) {
      copies.push_back(ReadMessageId(key));
      return true;
    };
    const Result<bool> more = store_.records.Scan(
        {.begin = prefix, .end = PrefixEnd(prefix), .descending = false, .rows_max = kCopiesMax},
        visit);
    if (!more.ok()) {
      return AtKey(more.status(), prefix);
    }
    std::vector<Candidate> candidates;
    if (*more) {
      return candidates;
    }
    for (const MessageId id : copies) {
      MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, id));
      if (placement.gone ||
          (placement.folder == to_.folder && placement.uid_validity != to_.uid_validity)) {
        candidates.push_back({.id = id, .placement = std::move(placement)});
      }
    }
    const auto rank = [this](const Candidate& candidate) {
      return std::tuple(candidate.placement.folder != to_.folder, candidate.placement.uid,
                        candidate.id);
    };
    std::sort(candidates.begin(), candidates.end(),
              [&rank](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
    return candidates;
  }

  Status Bind(ShardBatch& batch, MailboxState& mailbox, Match& match) {
    const RelinkItem& item = *match.item;
    return MovePlacement(batch, mailbox, match.candidate.id, std::move(match.candidate.placement),
                         {.folder = to_.folder,
                          .uid_validity = to_.uid_validity,
                          .uid = item.uid,
                          .flags = item.flags,
                          .keywords = item.keywords,
                          .identity = item.identity});
  }

  Result<UidSet> Accounted() {
    MH_ASSIGN_OR_RETURN(const Ledger* ledger, store_.cache.LedgerOf(to_));
    UidSet accounted;
    for (const RelinkItem& item : items_) {
      if (ledger->Contains(item.uid)) {
        accounted.Add(item.uid);
      }
    }
    return accounted;
  }

  MailStore::Impl& store_;
  const LedgerId to_;
  const std::span<const RelinkItem> items_;
  Groups groups_;
};

}  // namespace

Result<UidSet> MailStore::Relink(MailboxId mailbox, FolderId folder, uint32_t uid_validity,
                                 std::span<const RelinkItem> items) {
  impl_->cache.Trim();
  return Relinker(*impl_, {.mailbox = mailbox, .folder = folder, .uid_validity = uid_validity},
                  items)
      .Run();
}

}  // namespace mailhaul::store
