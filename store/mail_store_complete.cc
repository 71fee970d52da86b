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
  if (placement.has_body()) {
    return false;
  }
  atom_.Mark(*id);
  atom_.Touch(batch.mailbox, batch.folder);
  atom_.Delete(ContentHashKey(work.tenant, batch.mailbox, batch.folder, placement.sha256,
                              batch.uid_validity, *id));
  const auto none = work_.bodies.find(BlobKey(work_.shard, work.tenant, placement.sha256));
  if (none != work_.bodies.end() && none->second.reference.count > 0) {
    --ChangeBody(work, placement.sha256).reference.count;
  }
  if (placement.identity && placement.identity != message.identity) {
    atom_.Delete(IdentityKey(batch.mailbox, *placement.identity, *id));
  }
  if (message.identity) {
    atom_.Put(IdentityKey(batch.mailbox, *message.identity, *id), std::string());
  }
  // Unsigned differences wrap around correctly.
  target.mailbox->record.bytes += message.size - placement.size;
  placement.size = message.size;
  placement.thread = message.thread;
  placement.quarantined = message.quarantined;
  placement.sha256 = message.sha256;
  placement.location = AddReference(work, target, message).location;
  placement.identity = message.identity;
  MH_CHECK(message.content.size() <= kContentBytesMax);
  atom_.Put(ContentKey(*id), message.content);
  PutIndexed(atom_, work.tenant, *id, placement);
  atom_.AddChange(ChangeEntry::Type::kMessageUpdated, work.tenant, batch.mailbox, *id);
  return true;
}

}  // namespace mailhaul::store
