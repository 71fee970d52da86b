// The simplest thing that behaves as MailStore is documented to: a list of messages, searched from
// end to end. For comparison with the real one after random operations.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/mail_store.h"

namespace mailhaul::store {

struct ModelMessage {
  MessageId id;  // Of the store; set once, when the message is first seen there.
  FolderId folder = 0;
  uint32_t uid_validity = 0;
  Uid uid = 0;
  uint8_t flags = 0;
  bool gone = false;
  std::string body;     // Empty: listed without it.
  std::string content;  // What identity is made of.
  WallTime date{};
  std::vector<std::string> keywords{};  // Sorted, each once.
  LocalState local{};
  bool deleted = false;

  bool seen() const { return local.seen.value_or((flags & kSeenBit) != 0); }
  bool flagged() const { return local.flagged.value_or((flags & kFlaggedBit) != 0); }
  FolderId shown_folder() const { return local.folder.value_or(folder); }
  std::vector<std::string> tags() const { return local.tags.value_or(keywords); }
};

class StoreModel final {
 public:
  // What Append() counts.
  struct Counts {
    uint32_t stored = 0;
    uint32_t duplicates = 0;
    uint32_t relinked = 0;
    uint32_t completed = 0;
  };
  struct Arrival {
    ModelMessage message;
    bool completes = false;
  };
  struct Mode {
    bool relink_gone = false;
    std::optional<std::set<Uid>> listed;
  };
  using Place = std::pair<FolderId, uint32_t>;  // Folder and UIDVALIDITY.

  Counts Append(const std::vector<Arrival>& arrivals, const Mode& mode);
  SyncCounts Sync(Place place, const std::vector<FlagUpdate>& flags, const std::set<Uid>& vanished);
  std::set<Uid> Relink(Place place, const std::vector<ModelMessage>& items);
  uint64_t MarkGone(FolderId folder, std::optional<uint32_t> kept_validity);
  uint64_t RemoveGone();
  // Whether anything is shown otherwise than before.
  bool Change(MessageId id, const LocalPatch& patch);
  void Delete(MessageId id);
  std::vector<Uid> AssignUidls(const std::vector<std::string>& uidls);

  std::vector<ModelMessage>& messages() { return messages_; }
  // Those that were not deleted.
  std::vector<ModelMessage*> shown();
  std::set<Uid>& ledger(Place place) { return ledgers_[place]; }
  const std::map<Place, std::set<Uid>>& ledgers() const { return ledgers_; }

 private:
  ModelMessage& Find(MessageId id);
  ModelMessage* FindPlaced(Place place, Uid uid);
  ModelMessage* FindTakenOver(const ModelMessage& message, const Mode& mode);

  std::vector<ModelMessage> messages_;  // In the order of their ids.
  std::map<Place, std::set<Uid>> ledgers_;
  std::map<std::string, Uid> uidls_;
};

}  // namespace mailhaul::store
