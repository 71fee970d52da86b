// A body for a message that is listed without one.
#include <utility>

#include "base/check.h"
#include "store/key_layout.h"
#include "store/mail_store_append.h"

namespace mailhaul::store {

Result<bool> AtomBuilder::Complete(const BatchWork& work, const Target& target,
                                   const IngestMessage& message) {
  const IngestBatch& batch = *work.batch;
  MH_ASSIGN_OR_RETURN(
      const std::optional<MessageId> id,
      FindByUid(store_.records, batch.mailbox, batch.folder, batch.uid_validity, message.uid));
  if (!id || !HasBody(message)) {
    return false;
  }
  MH_ASSIGN_OR_RETURN(Placement placement, ReadPlacement(store_.records, *id));
  if (placement.has_body() || placement.deleted) {
    return false;
  }
  const auto none = work_.bodies.find(BlobKey(work_.shard, work.tenant, placement.sha256));
  if (none != work_.bodies.end() && none->second.reference.count > 0) {
    --ChangeBody(work, placement.sha256).reference.count;
  }
  Placement completed = placement;
  completed.size = message.size;
  completed.thread = message.thread;
  completed.quarantined = message.quarantined;
  completed.sha256 = message.sha256;
  completed.location = AddReference(work, target, message).location;
  completed.identity = message.identity;
  MH_CHECK(message.content.size() <= kContentBytesMax);
  atom_.Put(ContentKey(*id), message.content);
  MH_RETURN_IF_ERROR(
      ReplacePlacement(atom_, *target.mailbox, *id, std::move(placement), std::move(completed)));
  return true;
}

}  // namespace mailhaul::store
