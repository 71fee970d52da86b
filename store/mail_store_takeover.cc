// Which placement a downloaded message takes over instead of getting an id of its own.
#include <algorithm>
#include <utility>

#include "store/key_layout.h"
#include "store/mail_store_append.h"

namespace mailhaul::store {
namespace {

// Placements with the same bytes that are looked at for one message. Beyond them it gets an id of
// its own.
constexpr size_t kTwinsMax = 1024;

// Messages that are listed without their bytes all have the hash of no bytes.
bool IsSameWithoutBody(const Placement& placement, const IngestMessage& message) {
  if (placement.identity && message.identity) {
    return placement.identity == message.identity;
  }
  return placement.size == message.size && placement.internal_date == message.internal_date;
}

}  // namespace

Result<std::optional<MessageId>> AtomBuilder::FindTakenOver(const BatchWork& work,
                                                            const Target& target,
                                                            const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  std::optional<MessageId> found;
  if (target.folder->stale_placements > 0) {
    MH_ASSIGN_OR_RETURN(found, FindEarlier(work, message));
  }
  if (!found && batch.listed) {
    MH_ASSIGN_OR_RETURN(found, FindUnlisted(work, message));
  }
  const auto has_gone = [](const auto& folder) { return folder.second.record.gone > 0; };
  const auto& folders = target.mailbox->folders;
  if (!found && (batch.relink_gone || batch.listed) &&
      std::any_of(folders.begin(), folders.end(), has_gone)) {
    MH_ASSIGN_OR_RETURN(found, FindGone(work, message));
  }
  return found;
}

Result<std::optional<MessageId>> AtomBuilder::FirstTwin(const std::string& begin,
                                                        const std::string& end,
                                                        const Filter& filter) {
  std::vector<MessageId> twins;
  const size_t twins_max = filter ? kTwinsMax : 1;
  const auto visit = [&](std::string_view key, std::string_view /*value*/) {
    const MessageId id = ReadMessageId(key);
    if (!atom_.marked(id)) {  // By this batch, which is not stored yet.
      twins.push_back(id);
    }
    return twins.size() < twins_max;
  };
  const Result<bool> scanned = store_.records.Scan({.begin = begin,
                                                    .end = end,
                                                    .descending = false,
                                                    .rows_max = atom_.marked_count() + twins_max},
                                                   visit);
  if (!scanned.ok()) {
    return AtKey(scanned.status(), begin);
  }
  for (const MessageId id : twins) {
    if (!filter) {
      return std::optional(id);
    }
    MH_ASSIGN_OR_RETURN(const Placement placement, ReadPlacement(store_.records, id));
    if (filter(placement)) {
      return std::optional(id);
    }
  }
  return std::optional<MessageId>();
}

// Of this folder, under another UIDVALIDITY.
Result<std::optional<MessageId>> AtomBuilder::FindEarlier(const BatchWork& work,
                                                          const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  const std::string prefix =
      ContentHashPrefix(work.tenant, batch.mailbox, batch.folder, message.sha256);
  std::string current = prefix;
  AppendU32(current, batch.uid_validity);
  Filter filter;
  if (!HasBody(message)) {
    filter = [&](const Placement& placement) { return IsSameWithoutBody(placement, message); };
  }
  // Before and behind the placements of the present UIDVALIDITY.
  MH_ASSIGN_OR_RETURN(std::optional<MessageId> found, FirstTwin(prefix, current, filter));
  const std::string behind = PrefixEnd(current);
  if (!found && behind < PrefixEnd(prefix)) {
    MH_ASSIGN_OR_RETURN(found, FirstTwin(behind, PrefixEnd(prefix), filter));
  }
  return found;
}

// Of this folder, under this UIDVALIDITY, with a UID that the source no longer has.
Result<std::optional<MessageId>> AtomBuilder::FindUnlisted(const BatchWork& work,
                                                           const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  std::string prefix = ContentHashPrefix(work.tenant, batch.mailbox, batch.folder, message.sha256);
  AppendU32(prefix, batch.uid_validity);
  const Filter filter = [&](const Placement& placement) {
    return !batch.listed->Contains(placement.uid) &&
           (HasBody(message) || IsSameWithoutBody(placement, message));
  };
  return FirstTwin(prefix, PrefixEnd(prefix), filter);
}

// Of this folder, else of any: a twin that is left behind in this folder would be shown in it
// beside the one that was moved here.
Result<std::optional<MessageId>> AtomBuilder::FindGone(const BatchWork& work,
                                                       const IngestMessage& message) {
  const std::string prefix = GonePrefix(work.batch->mailbox, message.sha256);
  Filter is_same;
  if (!HasBody(message)) {
    is_same = [&](const Placement& placement) { return IsSameWithoutBody(placement, message); };
  }
  const Filter is_here = [&](const Placement& placement) {
    return placement.folder == work.batch->folder && (!is_same || is_same(placement));
  };
  MH_ASSIGN_OR_RETURN(std::optional<MessageId> found,
                      FirstTwin(prefix, PrefixEnd(prefix), is_here));
  if (!found) {
    MH_ASSIGN_OR_RETURN(found, FirstTwin(prefix, PrefixEnd(prefix), is_same));
  }
  return found;
}

Status AtomBuilder::TakeOver(const BatchWork& work, const Target& target,
                             const IngestMessage& message, MessageId id) {
  MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, id));
  ++target.counts->relinked;
  return MovePlacement(atom_, *target.mailbox, id, std::move(placement),
                       {.folder = work.batch->folder,
                        .uid_validity = work.batch->uid_validity,
                        .uid = message.uid,
                        .flags = message.flags,
                        .keywords = message.keywords,
                        .identity = message.identity});
}

}  // namespace mailhaul::store
