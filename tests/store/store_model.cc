#include "tests/store/store_model.h"

#include <algorithm>

namespace mailhaul::store {
namespace {

void Rebind(ModelMessage& message, const ModelMessage& to) {
  message.folder = to.folder;
  message.uid_validity = to.uid_validity;
  message.uid = to.uid;
  message.flags = to.flags;
  message.keywords = to.keywords;
  message.gone = false;
}

// Contents as far as the store knows them.
bool IsSame(const ModelMessage& a, const ModelMessage& b) {
  return a.body == b.body && (!a.body.empty() || a.content == b.content);
}

// Items and candidates of one identity.
struct RelinkGroup {
  FolderId folder = 0;
  std::vector<ModelMessage> items;
  std::vector<ModelMessage*> candidates;
  std::vector<Uid> bound;

  // Binds what is certain, and says which UIDs that are.
  std::vector<Uid> Bind() {
    std::sort(items.begin(), items.end(),
              [](const ModelMessage& a, const ModelMessage& b) { return a.uid < b.uid; });
    std::stable_sort(
        candidates.begin(), candidates.end(), [this](const ModelMessage* a, const ModelMessage* b) {
          return std::pair(a->folder != folder, a->uid) < std::pair(b->folder != folder, b->uid);
        });
    for (bool more = true; more && !items.empty() && !candidates.empty();) {
      if (AreTwins()) {
        while (!items.empty()) {
          BindOne(0, 0);
        }
        break;
      }
      more = BindByDate();
    }
    return bound;
  }

  void BindOne(size_t item, size_t candidate) {
    Rebind(*candidates[candidate], items[item]);
    bound.push_back(items[item].uid);
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(item));
    candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(candidate));
  }

  // Of the folder itself; they go before others, which come behind them.
  size_t Own() const {
    return static_cast<size_t>(
        std::count_if(candidates.begin(), candidates.end(),
                      [this](const ModelMessage* message) { return message->folder == folder; }));
  }

  bool AreTwins() const {
    return (items.size() == candidates.size() || items.size() == Own()) &&
           std::all_of(candidates.begin(), candidates.end(), [&](const ModelMessage* message) {
             return message->body == candidates[0]->body;
           });
  }

  bool BindByDate() {
    for (size_t i = 0; i < items.size(); ++i) {
      const WallTime date = items[i].date;
      const auto end =
          Own() > 0 ? candidates.begin() + static_cast<std::ptrdiff_t>(Own()) : candidates.end();
      const auto item_dated = [date](const ModelMessage& item) { return item.date == date; };
      const auto dated = [date](const ModelMessage* message) { return message->date == date; };
      if (std::count_if(items.begin(), items.end(), item_dated) == 1 &&
          std::count_if(candidates.begin(), end, dated) == 1) {
        const auto found = std::find_if(candidates.begin(), end, dated);
        BindOne(i, static_cast<size_t>(found - candidates.begin()));
        return true;
      }
    }
    return false;
  }
};

}  // namespace

ModelMessage* StoreModel::FindPlaced(Place place, Uid uid) {
  for (ModelMessage& message : messages_) {
    if (!message.gone && Place(message.folder, message.uid_validity) == place &&
        message.uid == uid) {
      return &message;
    }
  }
  return nullptr;
}

ModelMessage* StoreModel::FindTakenOver(const ModelMessage& message, const Mode& mode) {
  ModelMessage* earlier = nullptr;
  ModelMessage* unlisted = nullptr;
  ModelMessage* gone = nullptr;
  ModelMessage* deleted = nullptr;
  for (ModelMessage& other : messages_) {
    if (!IsSame(other, message)) {
      continue;
    }
    const bool here = !other.gone && other.folder == message.folder;
    if (here && other.uid_validity != message.uid_validity) {
      const bool first = earlier == nullptr || other.uid_validity < earlier->uid_validity;
      earlier = first ? &other : earlier;
    } else if (here && mode.listed && !mode.listed->contains(other.uid)) {
      unlisted = unlisted == nullptr ? &other : unlisted;
    } else if (other.gone && (mode.relink_gone || mode.listed)) {
      const bool nearer =
          gone == nullptr || (other.folder == message.folder && gone->folder != message.folder);
      gone = nearer ? &other : gone;
    }
    deleted = deleted == nullptr && other.gone && other.deleted ? &other : deleted;
  }
  return earlier != nullptr    ? earlier
         : unlisted != nullptr ? unlisted
         : gone != nullptr     ? gone
                               : deleted;
}

StoreModel::Counts StoreModel::Append(const std::vector<Arrival>& arrivals, const Mode& mode) {
  Counts counts;
  for (const Arrival& arrival : arrivals) {
    const ModelMessage& message = arrival.message;
    const Place place(message.folder, message.uid_validity);
    if (!ledgers_[place].insert(message.uid).second) {
      ModelMessage* known = FindPlaced(place, message.uid);
      if (arrival.completes && known != nullptr && !known->deleted && known->body.empty() &&
          !message.body.empty()) {
        known->body = message.body;
        known->content = message.content;
        ++counts.completed;
      } else {
        ++counts.duplicates;
      }
    } else if (ModelMessage* earlier = FindTakenOver(message, mode)) {
      Rebind(*earlier, message);
      ++counts.relinked;
    } else {
      messages_.push_back(message);
      ++counts.stored;
    }
  }
  return counts;
}

SyncCounts StoreModel::Sync(Place place, const std::vector<FlagUpdate>& flags,
                            const std::set<Uid>& vanished) {
  SyncCounts counts;
  for (const FlagUpdate& update : flags) {
    ModelMessage* message = FindPlaced(place, update.uid);
    if (message != nullptr && !vanished.contains(update.uid) &&
        (message->flags != update.flags || message->keywords != update.keywords)) {
      message->flags = update.flags;
      message->keywords = update.keywords;
      ++counts.flags_changed;
    }
  }
  for (const Uid uid : vanished) {
    if (ModelMessage* message = FindPlaced(place, uid)) {
      message->gone = true;
      ++counts.vanished;
    }
  }
  return counts;
}

std::set<Uid> StoreModel::Relink(Place place, const std::vector<ModelMessage>& items) {
  std::map<std::string, RelinkGroup> groups;
  for (const ModelMessage& item : items) {
    if (!ledgers_[place].contains(item.uid)) {
      groups[item.content].items.push_back(item);
    }
  }
  for (auto& [content, group] : groups) {
    for (ModelMessage& message : messages_) {
      const bool stale = message.folder == place.first && message.uid_validity != place.second;
      if (message.content == content && (message.gone || stale)) {
        group.candidates.push_back(&message);
      }
    }
    group.folder = place.first;
    for (const Uid uid : group.Bind()) {
      ledgers_[place].insert(uid);
    }
  }
  std::set<Uid> accounted;
  for (const ModelMessage& item : items) {
    if (ledgers_[place].contains(item.uid)) {
      accounted.insert(item.uid);
    }
  }
  return accounted;
}

uint64_t StoreModel::MarkGone(FolderId folder, std::optional<uint32_t> kept_validity) {
  uint64_t count = 0;
  for (ModelMessage& message : messages_) {
    if (message.folder == folder && !message.gone && message.uid_validity != kept_validity) {
      message.gone = true;
      ++count;
    }
  }
  if (!kept_validity) {
    for (auto& [place, uids] : ledgers_) {
      if (place.first == folder) {
        uids.clear();
      }
    }
  }
  return count;
}

uint64_t StoreModel::RemoveGone() {
  return std::erase_if(
      messages_, [](const ModelMessage& message) { return message.gone && !message.deleted; });
}

bool StoreModel::Change(MessageId id, const LocalPatch& patch) {
  ModelMessage& message = Find(id);
  const ModelMessage before = message;
  message.local.seen = patch.seen.value_or(message.local.seen);
  message.local.flagged = patch.flagged.value_or(message.local.flagged);
  message.local.folder = patch.folder.value_or(message.local.folder);
  message.local.tags = patch.tags.value_or(message.local.tags);
  return message.seen() != before.seen() || message.flagged() != before.flagged() ||
         message.shown_folder() != before.shown_folder() || message.tags() != before.tags();
}

void StoreModel::Delete(MessageId id) {
  ModelMessage& message = Find(id);
  message.deleted = true;
  message.local = LocalState();
}

std::vector<ModelMessage*> StoreModel::shown() {
  std::vector<ModelMessage*> shown;
  for (ModelMessage& message : messages_) {
    if (!message.deleted) {
      shown.push_back(&message);
    }
  }
  return shown;
}

ModelMessage& StoreModel::Find(MessageId id) {
  return *std::find_if(messages_.begin(), messages_.end(),
                       [id](const ModelMessage& message) { return message.id == id; });
}

std::vector<Uid> StoreModel::AssignUidls(const std::vector<std::string>& uidls) {
  std::vector<Uid> uids;
  for (const std::string& uidl : uidls) {
    uids.push_back(uidls_.emplace(uidl, static_cast<Uid>(uidls_.size() + 1)).first->second);
  }
  return uids;
}

}  // namespace mailhaul::store
