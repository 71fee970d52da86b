#include <algorithm>
#include <utility>

#include "base/check.h"
#include "store/key_layout.h"
#include "store/mail_store_append.h"

namespace mailhaul::store {
namespace {

constexpr size_t kBlobRowBytes = 128;

}  // namespace

AtomBuilder::AtomBuilder(MailStore::Impl& store, ShardWork& work)
    : store_(store),
      work_(work),
      atom_(store, work.shard),
      current_before_(work.current),
      work_before_(work.batches[work.current]) {}

Status AtomBuilder::Build() {
  MH_RETURN_IF_ERROR(atom_.Open());
  while (work_.current < work_.batches.size() && !full()) {
    BatchWork& next = work_.batches[work_.current];
    MH_RETURN_IF_ERROR(TakeFrom(next));
    if (next.done()) {
      ++work_.current;
    }
  }
  for (const auto* body : bodies_) {
    atom_.Replace(body->first, body->second.stored, EncodeBlobReference(body->second.reference));
  }
  batch_ = atom_.Finish();
  return Status::Ok();
}

Result<AtomBuilder::Target> AtomBuilder::Touch(const BatchWork& work) {
  const IngestBatch& batch = *work.batch;
  Target target;
  MH_ASSIGN_OR_RETURN(target.mailbox, store_.cache.Mailbox(batch.mailbox));
  MH_ASSIGN_OR_RETURN(target.folder, FindFolder(*target.mailbox, batch.folder));
  target.ledger_id = {
      .mailbox = batch.mailbox, .folder = batch.folder, .uid_validity = batch.uid_validity};
  MH_ASSIGN_OR_RETURN(target.ledger, store_.cache.LedgerOf(target.ledger_id));
  target.counts = &counts_[work.batch];
  return target;
}

Status AtomBuilder::TakeFrom(BatchWork& work) {
  MH_ASSIGN_OR_RETURN(const Target target, Touch(work));
  while (!work.messages_done() && !full()) {
    const IngestMessage& message = work.batch->messages[work.next_message];
    if (message.completes && atom_.touched(work.batch->mailbox, work.batch->folder)) {
      cut_ = true;  // What it completes may be in this batch, and so not be found yet.
      break;
    }
    MH_RETURN_IF_ERROR(AddMessage(work, target, message));
    ++work.next_message;
  }
  if (work.messages_done()) {
    AddRanges(work, target);
  }
  return Status::Ok();
}

Status AtomBuilder::AddMessage(const BatchWork& work, const Target& target,
                               const IngestMessage& message) {
  if (target.ledger->Contains(message.uid)) {
    bool completed = false;
    if (message.completes) {
      MH_ASSIGN_OR_RETURN(completed, Complete(work, target, message));
    }
    ++(completed ? target.counts->completed : target.counts->duplicates);
    return Status::Ok();
  }
  atom_.Touch(work.batch->mailbox, work.batch->folder);
  NoteUidValidity(*target.folder, work.batch->uid_validity);
  MH_ASSIGN_OR_RETURN(const std::optional<MessageId> earlier, FindTakenOver(work, target, message));
  if (earlier) {
    MH_RETURN_IF_ERROR(TakeOver(work, target, message, *earlier));
  } else {
    MH_RETURN_IF_ERROR(AddPlacement(work, target, message));
  }
  atom_.AddToLedger(target.ledger_id, *target.ledger, message.uid);
  return Status::Ok();
}

BodyState& AtomBuilder::ChangeBody(const BatchWork& work, const Sha256& sha256) {
  const auto body = work_.bodies.find(BlobKey(work_.shard, work.tenant, sha256));
  MH_CHECK(body != work_.bodies.end() && body->second.checked);
  BodyState& state = body->second;
  if (!state.changed) {
    state.changed = true;
    bodies_.push_back(&*body);
    atom_.Reserve(kBlobRowBytes);
  }
  return state;
}

const BlobReference& AtomBuilder::AddReference(const BatchWork& work, const Target& target,
                                               const IngestMessage& message) {
  BodyState& body = ChangeBody(work, message.sha256);
  if (body.reference.count++ == 0 && !body.stored) {
    target.counts->bytes_stored += message.size;
  }
  return body.reference;
}

Status AtomBuilder::AddPlacement(const BatchWork& work, const Target& target,
                                 const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  const MessageId id = atom_.NextMessageId();
  Placement placement;
  placement.mailbox = batch.mailbox;
  placement.folder = batch.folder;
  placement.uid_validity = batch.uid_validity;
  placement.uid = message.uid;
  placement.flags = message.flags;
  placement.keywords = message.keywords;
  placement.internal_date = message.internal_date;
  placement.size = message.size;
  placement.thread = message.thread;
  placement.quarantined = message.quarantined;
  placement.sha256 = message.sha256;
  placement.location = AddReference(work, target, message).location;
  placement.identity = message.identity;

  MH_CHECK(message.content.size() <= kContentBytesMax);
  atom_.Put(ContentKey(id), message.content);
  ++target.counts->stored;
  return ReplacePlacement(atom_, *target.mailbox, id, std::nullopt, std::move(placement));
}

void AtomBuilder::AddRanges(BatchWork& work, const Target& target) {
  const std::vector<UidRange>& ranges = work.batch->absent.ranges();
  while (work.next_range < ranges.size() && !full()) {
    UidRange rest = ranges[work.next_range];
    rest.first = std::max(rest.first, work.next_uid);
    const Uid last = atom_.AddToLedger(target.ledger_id, *target.ledger, rest);
    if (last == rest.last) {
      ++work.next_range;
      work.next_uid = 0;
    } else {
      work.next_uid = last + 1;
    }
  }
}

void AtomBuilder::Accept() {
  for (const auto& [batch, counts] : counts_) {
    batch->stored += counts.stored;
    batch->duplicates += counts.duplicates;
    batch->relinked += counts.relinked;
    batch->completed += counts.completed;
    batch->bytes_stored += counts.bytes_stored;
  }
  if (empty()) {
    return;  // Nothing but duplicates.
  }
  atom_.Accept();
  for (auto* body : bodies_) {
    body->second.stored = EncodeBlobReference(body->second.reference);
    body->second.changed = false;
  }
}

void AtomBuilder::Undo() {
  for (size_t i = current_before_ + 1; i < work_.batches.size(); ++i) {
    BatchWork& work = work_.batches[i];
    work.next_message = 0;
    work.next_range = 0;
    work.next_uid = 0;
  }
  work_.batches[current_before_] = work_before_;
  work_.current = current_before_;
  work_.bodies_ready = false;  // Their references are read again.
}

}  // namespace mailhaul::store
