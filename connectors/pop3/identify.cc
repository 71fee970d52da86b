#include <algorithm>
#include <unordered_set>
#include <utility>

#include "connectors/pop3/commands.h"
#include "connectors/pop3/for_each.h"
#include "connectors/pop3/listing_commands.h"
#include "connectors/pop3/pop3_session.h"
#include "connectors/pop3/unique_key.h"

namespace mailhaul::pop3 {
namespace {

struct Item {
  uint32_t number = 0;
  bool ambiguous = true;   // Its unique id, if any, is not enough.
  bool looked_at = false;  // `look` is there.
  UidlKey id{};            // Of the unique id; zero without one.
  UidlKey look{};          // Of id and what was seen of the message.
  UidlKey key{};           // What its UID is remembered under.
  std::optional<uint64_t> size;
  Uid uid = 0;
};

std::string_view BytesOf(const UidlKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

// Hashes what is seen of messages into Item::look.
class Looker final : public AnswerSink {
 public:
  Looker(KeyKind kind, std::vector<Item*> items) : kind_(kind), items_(std::move(items)) {}

  void OnBegin(size_t index, const StatusLine& /*status*/) override { Begin(kind_, index); }
  void OnData(size_t /*index*/, std::string_view bytes) override { hasher_.AddBytes(bytes); }
  void OnEnd(size_t index) override { End(index); }
  void OnRefused(size_t index) override {
    ++refused_;
    Begin(KeyKind::kUnreadable, index);
    End(index);
  }
  // The very first look was refused: the server may not know the command.
  bool refused_all() const { return refused_ > 0 && refused_ == looks_; }
  void Forget() {
    for (Item* item : items_) {
      item->looked_at = false;
    }
  }

 private:
  void Begin(KeyKind kind, size_t index) {
    hasher_.Begin(kind);
    hasher_.AddBytes(BytesOf(items_[index]->id));
    hasher_.AddNumber(items_[index]->size.value_or(0));
  }
  void End(size_t index) {
    ++looks_;
    items_[index]->look = hasher_.Finish();
    items_[index]->looked_at = true;
  }

  const KeyKind kind_;
  const std::vector<Item*> items_;
  KeyHasher hasher_;
  size_t looks_ = 0;
  size_t refused_ = 0;
};

class Identification final {
 public:
  Identification(Connection& connection, ServerTraits& traits, UidlDirectory& directory)
      : connection_(connection), traits_(traits), directory_(directory) {}

  net::Task<Result<Maildrop>> Run();

 private:
  net::Task<Status> ReadUniqueIds();
  net::Task<Status> ReadSizes();
  void MarkAmbiguous();
  // Looks at those of the items from `first` on that are ambiguous and were not looked at.
  net::Task<Status> LookAt(size_t first);
  net::Task<Status> LookWith(std::string_view verb, std::vector<Item*> items, bool* refused_all);
  // Gives the ambiguous items from `first` on keys of their own, equal ones by their order.
  void MakeKeys(size_t first);
  net::Task<Status> Assign(size_t first);

  net::Task<Status> IdentifyByPosition();
  net::Task<Status> CountKnown(size_t* known);
  net::Task<Status> CheckLastKnown(size_t known, bool* unchanged);
  net::Task<Status> FindTwins(size_t known, bool* twins);
  net::Task<Status> RememberPositions(size_t known);
  UidlKey PositionLook(size_t index);
  std::vector<UidlKey> KeysFrom(size_t first) const;

  Connection& connection_;
  ServerTraits& traits_;
  UidlDirectory& directory_;
  std::vector<Item> items_;
  std::vector<UidlKey> positions_;
  KeyHasher hasher_;
};

net::Task<Status> Identification::ReadUniqueIds() {
  const Result<std::vector<NumberedKey>> listed = co_await ListUniqueIds(connection_);
  if (!listed.ok()) {
    co_return listed.status().code() == Code::kServerRefused ? Status::Ok() : listed.status();
  }
  for (const NumberedKey& message : *listed) {
    Item item;
    item.number = message.number;
    item.ambiguous = message.unusable;
    item.id = message.key;
    item.key = message.key;
    items_.push_back(item);
  }
  MarkAmbiguous();
  co_return Status::Ok();
}

void Identification::MarkAmbiguous() {
  std::vector<Item*> by_id;
  for (Item& item : items_) {
    by_id.push_back(&item);
  }
  std::sort(by_id.begin(), by_id.end(), [](const Item* a, const Item* b) { return a->id < b->id; });
  for (size_t i = 1; i < by_id.size(); ++i) {
    if (by_id[i]->id == by_id[i - 1]->id) {
      by_id[i]->ambiguous = true;
      by_id[i - 1]->ambiguous = true;
    }
  }
}

net::Task<Status> Identification::ReadSizes() {
  CO_TRY(const std::vector<NumberedSize> listed, ListSizes(connection_));
  if (items_.empty()) {
    for (const NumberedSize& message : listed) {
      Item item;
      item.number = message.number;
      item.size = message.size;
      items_.push_back(item);
    }
    co_return Status::Ok();
  }
  auto item = items_.begin();
  for (const NumberedSize& message : listed) {
    while (item != items_.end() && item->number < message.number) {
      ++item;
    }
    if (item != items_.end() && item->number == message.number) {
      item->size = message.size;
    }
  }
  co_return Status::Ok();
}

net::Task<Status> Identification::LookWith(std::string_view verb, std::vector<Item*> items,
                                           bool* refused_all) {
  std::vector<uint32_t> numbers;
  for (const Item* item : items) {
    numbers.push_back(item->number);
  }
  const bool top = verb == "TOP";
  ForEachCommand command;
  command.verb = verb;
  command.suffix = top ? " 0" : "";
  command.body = Body::kData;
  command.body_bytes_max = traits_.body_bytes_max * kDrainFactor;
  command.pipelined = traits_.pipelined;
  command.until_refused = top && traits_.top == TopSupport::kUnknown;
  Looker looker(top ? KeyKind::kHeader : KeyKind::kContent, std::move(items));
  CO_RETURN_IF_ERROR(ForEachMessage(connection_, command, numbers, looker));
  *refused_all = looker.refused_all();
  if (*refused_all && command.until_refused) {
    looker.Forget();
  }
  co_return Status::Ok();
}

net::Task<Status> Identification::LookAt(size_t first) {
  std::vector<Item*> items;
  for (size_t i = first; i < items_.size(); ++i) {
    if (items_[i].ambiguous && !items_[i].looked_at) {
      items.push_back(&items_[i]);
    }
  }
  bool refused_all = false;
  if (traits_.top != TopSupport::kNo && !items.empty()) {
    CO_RETURN_IF_ERROR(LookWith("TOP", items, &refused_all));
    if (traits_.top == TopSupport::kUnknown) {
      traits_.top = refused_all ? TopSupport::kNo : TopSupport::kYes;
    }
  }
  if (traits_.top == TopSupport::kNo && !items.empty()) {
    CO_RETURN_IF_ERROR(LookWith("RETR", std::move(items), &refused_all));
  }
  co_return Status::Ok();
}

void Identification::MakeKeys(size_t first) {
  std::vector<Item*> looked_at;
  for (size_t i = first; i < items_.size(); ++i) {
    if (items_[i].ambiguous) {
      looked_at.push_back(&items_[i]);
    }
  }
  // Stable: twins keep the order of the listing.
  std::stable_sort(looked_at.begin(), looked_at.end(),
                   [](const Item* a, const Item* b) { return a->look < b->look; });
  uint64_t twin = 0;
  for (size_t i = 0; i < looked_at.size(); ++i) {
    twin = i > 0 && looked_at[i]->look == looked_at[i - 1]->look ? twin + 1 : 0;
    hasher_.Begin(KeyKind::kHeader);
    hasher_.AddBytes(BytesOf(looked_at[i]->look));
    hasher_.AddNumber(twin);
    looked_at[i]->key = hasher_.Finish();
  }
}

std::vector<UidlKey> Identification::KeysFrom(size_t first) const {
  std::vector<UidlKey> keys;
  keys.reserve(items_.size() - first);
  for (size_t i = first; i < items_.size(); ++i) {
    keys.push_back(items_[i].key);
  }
  return keys;
}

net::Task<Status> Identification::Assign(size_t first) {
  const std::vector<UidlKey> keys = KeysFrom(first);
  CO_TRY(const std::vector<Uid> uids, directory_.Assign(keys));
  MH_CHECK(uids.size() == keys.size());
  for (size_t i = 0; i < uids.size(); ++i) {
    items_[first + i].uid = uids[i];
  }
  co_return Status::Ok();
}

net::Task<Result<Maildrop>> Identification::Run() {
  CO_RETURN_IF_ERROR(ReadUniqueIds());
  const bool all =
      std::all_of(items_.begin(), items_.end(), [](const Item& item) { return item.ambiguous; });
  const bool any =
      std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.ambiguous; });
  if (all || any) {  // Without UIDL there are no items yet, and the listing makes them.
    CO_RETURN_IF_ERROR(ReadSizes());
  }
  if (all) {
    CO_RETURN_IF_ERROR(IdentifyByPosition());
  } else {
    CO_RETURN_IF_ERROR(LookAt(0));
    MakeKeys(0);
    CO_RETURN_IF_ERROR(Assign(0));
  }
  std::vector<ListedMessage> messages;
  messages.reserve(items_.size());
  for (const Item& item : items_) {
    messages.push_back({.number = item.number, .uid = item.uid, .size = item.size});
  }
  co_return Maildrop(std::move(messages));
}

// How many messages at the begin of the listing have the sizes of a listing seen before.
net::Task<Status> Identification::CountKnown(size_t* known) {
  UidlKey last{};
  for (const Item& item : items_) {
    hasher_.Begin(KeyKind::kPosition);
    hasher_.AddBytes(BytesOf(last));
    hasher_.AddBytes(BytesOf(item.id));
    hasher_.AddNumber(item.size.value_or(0));
    last = hasher_.Finish();
    positions_.push_back(last);
  }
  CO_TRY(const std::vector<Uid> uids, directory_.Find(positions_));
  const auto end = std::find(uids.begin(), uids.end(), Uid{0});
  *known = static_cast<size_t>(end - uids.begin());
  for (size_t i = 0; i < *known; ++i) {
    items_[i].uid = uids[i];
  }
  co_return Status::Ok();
}

// Ties what was seen of a message to its place.
UidlKey Identification::PositionLook(size_t index) {
  hasher_.Begin(KeyKind::kPosition);
  hasher_.AddBytes(BytesOf(positions_[index]));
  hasher_.AddBytes(BytesOf(items_[index].look));
  return hasher_.Finish();
}

net::Task<Status> Identification::CheckLastKnown(size_t known, bool* unchanged) {
  const std::vector<UidlKey> seen(1, PositionLook(known - 1));
  CO_TRY(const std::vector<Uid> uids, directory_.Find(seen));
  *unchanged = uids.front() == items_[known - 1].uid;
  co_return Status::Ok();
}

// Whether a message behind the known ones looks like one of them.
net::Task<Status> Identification::FindTwins(size_t known, bool* twins) {
  std::unordered_set<Uid> used;
  for (size_t i = 0; i < known; ++i) {
    used.insert(items_[i].uid);
  }
  const std::vector<UidlKey> keys = KeysFrom(known);
  CO_TRY(const std::vector<Uid> uids, directory_.Find(keys));
  *twins = std::any_of(uids.begin(), uids.end(), [&used](Uid uid) { return used.count(uid) > 0; });
  co_return Status::Ok();
}

net::Task<Status> Identification::RememberPositions(size_t known) {
  if (known > 0) {
    // Known already: this only says that they are still in use.
    std::vector<UidlKey> used(positions_.begin(),
                              positions_.begin() + static_cast<ptrdiff_t>(known));
    used.push_back(PositionLook(known - 1));
    CO_TRY(const std::vector<Uid> uids, directory_.Assign(used));
    static_cast<void>(uids);
  }
  std::vector<UidlKey> keys;
  std::vector<Uid> uids;
  for (size_t i = known; i < items_.size(); ++i) {
    keys.push_back(positions_[i]);
    uids.push_back(items_[i].uid);
    keys.push_back(PositionLook(i));
    uids.push_back(items_[i].uid);
  }
  if (keys.empty()) {
    co_return Status::Ok();
  }
  co_return co_await directory_.Bind(keys, uids);
}

net::Task<Status> Identification::IdentifyByPosition() {
  if (items_.empty()) {
    co_return Status::Ok();
  }
  size_t known = 0;
  CO_RETURN_IF_ERROR(CountKnown(&known));
  if (known > 0) {
    CO_RETURN_IF_ERROR(LookAt(known - 1));
    bool unchanged = false;
    CO_RETURN_IF_ERROR(CheckLastKnown(known, &unchanged));
    bool twins = false;
    if (unchanged) {
      MakeKeys(known);
      CO_RETURN_IF_ERROR(FindTwins(known, &twins));
    }
    known = unchanged && !twins ? known : 0;
  }
  if (known == 0) {
    CO_RETURN_IF_ERROR(LookAt(0));
    MakeKeys(0);
  }
  CO_RETURN_IF_ERROR(Assign(known));
  co_return co_await RememberPositions(known);
}

}  // namespace

net::Task<Result<Maildrop>> IdentifyMessages(Connection& connection, ServerTraits& traits,
                                             UidlDirectory& directory) {
  Identification identification(connection, traits, directory);
  co_return co_await identification.Run();
}

}  // namespace mailhaul::pop3
