// Which placement a downloaded message takes over instead of getting an id of its own.
#include <algorithm>
#include <utility>

#include "store/key_layout.h"
#include "store/mail_store_append.h"
#include "store/sent_placement.h"

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
  const auto has_gone = [](const auto& folder) {
    return folder.second.record.gone > 0 || folder.second.deleted_gone > 0;
  };
  const auto& folders = target.mailbox->folders;
  if (!found && std::any_of(folders.begin(), folders.end(), has_gone)) {
    MH_ASSIGN_OR_RETURN(found, batch.relink_gone || batch.listed ? FindGone(work, message)
                                                                 : FindDeleted(work, message));
    if (!found) {
      MH_ASSIGN_OR_RETURN(found, FindAwaited(work, target, message));
    }
  }
  return found;
}

// The server's copy of a message that was sent from here, whose bytes it has changed. Only where
// sent messages lie: whoever knows the Message-ID could send one to the inbox.
Result<std::optional<MessageId>> AtomBuilder::FindAwaited(const BatchWork& work,
                                                          const Target& target,
                                                          const IngestMessage& message) {
  const std::string& role = target.folder->record.role;
  if ((role != "sent" && role != "all") || !HasBody(message)) {
    return std::optional<MessageId>();
  }
  const Result<MessageContent> content = DecodeContent(message.content);
  if (!content.ok() || content->message_id.empty()) {
    return std::optional<MessageId>();
  }
  const std::string prefix = AwaitedPrefix(work.batch->mailbox, AwaitedHash(content->message_id));
  return FirstTwin(prefix, PrefixEnd(prefix), Filter());
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

// One that was deleted here and then vanished from the source: it is back there, whenever that is
// and whatever the batch says of moves, and is not to be seen again.
Result<std::optional<MessageId>> AtomBuilder::FindDeleted(const BatchWork& work,
                                                          const IngestMessage& message) {
  const std::string prefix = GonePrefix(work.batch->mailbox, message.sha256);
  const Filter filter = [&](const Placement& placement) {
    return placement.deleted && (HasBody(message) || IsSameWithoutBody(placement, message));
  };
  return FirstTwin(prefix, PrefixEnd(prefix), filter);
}

Status AtomBuilder::TakeOver(const BatchWork& work, const Target& target,
                             const IngestMessage& message, MessageId id) {
  MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, id));
  ++target.counts->relinked;
  std::optional<NewBody> body;
  if (placement.awaited && placement.sha256 != message.sha256) {
    BlobLocation location;
    if (!placement.deleted) {  // That has no share in a body.
      MH_RETURN_IF_ERROR(ReleaseBody(work, placement.sha256));
      location = AddReference(work, target, message).location;
    }
    body.emplace(NewBody{.content = message.content,
                         .sha256 = message.sha256,
                         .location = location,
                         .size = message.size,
                         .thread = message.thread,
                         .quarantined = message.quarantined});
  }
  return MovePlacement(atom_, *target.mailbox, id, std::move(placement),
                       {.folder = work.batch->folder,
                        .uid_validity = work.batch->uid_validity,
                        .uid = message.uid,
                        .flags = message.flags,
                        .keywords = message.keywords,
                        .identity = message.identity,
                        .body = body ? &*body : nullptr});
}

Status AtomBuilder::ReleaseBody(const BatchWork& work, const Sha256& sha256) {
  const std::string key = BlobKey(work_.shard, work.tenant, sha256);
  BodyState& body = work_.bodies[key];
  if (!body.checked) {
    MH_ASSIGN_OR_RETURN(body.stored, GetRow(store_.records, key));
    Result<BlobReference> reference =
        body.stored ? DecodeBlobReference(*body.stored)
                    : Status(Code::kCorrupt, "a message's body has no reference");
    if (!reference.ok()) {
      return AtKey(reference.status(), key);
    }
    body.reference = *reference;
    body.checked = true;
    body.changed = false;
  }
  BodyState& changed = ChangeBody(work, sha256);
  changed.reference.count -= changed.reference.count > 0 ? 1 : 0;
  return Status::Ok();
}

}  // namespace mailhaul::store
