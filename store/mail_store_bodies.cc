#include <utility>

#include "store/key_layout.h"
#include "store/mail_store_append.h"

namespace mailhaul::store {

Status BodyPlacer::Place(bool& written, Status& blob_failure) {
  for (auto& [key, body] : work_.bodies) {
    body.checked = false;
  }
  for (size_t i = work_.current; i < work_.batches.size(); ++i) {
    const BatchWork& batch = work_.batches[i];
    const LedgerId id{.mailbox = batch.batch->mailbox,
                      .folder = batch.batch->folder,
                      .uid_validity = batch.batch->uid_validity};
    MH_ASSIGN_OR_RETURN(const Ledger* ledger, store_.cache.LedgerOf(id));
    for (size_t m = batch.next_message; m < batch.batch->messages.size(); ++m) {
      const IngestMessage& message = batch.batch->messages[m];
      if (ledger->Contains(message.uid)) {
        if (!message.completes) {
          continue;
        }
        // The placement that gets this body refers to no bytes now.
        const std::string none = BlobKey(work_.shard, batch.tenant, ComputeSha256({}));
        MH_RETURN_IF_ERROR(ReadReference(none, work_.bodies[none]));
      }
      MH_RETURN_IF_ERROR(PlaceOne(batch, message, written, blob_failure));
      if (!blob_failure.ok()) {
        return Status::Ok();
      }
    }
  }
  work_.bodies_ready = true;
  return Status::Ok();
}

Status BodyPlacer::PlaceOne(const BatchWork& batch, const IngestMessage& message, bool& written,
                            Status& blob_failure) {
  const std::string key = BlobKey(work_.shard, batch.tenant, message.sha256);
  BodyState& body = work_.bodies[key];
  MH_RETURN_IF_ERROR(ReadReference(key, body));
  if (body.stored || body.placed) {
    return Status::Ok();
  }
  if (!body.own) {
    if (message.streamed) {
      MH_RETURN_IF_ERROR(store_.UseSegment(message.streamed->location.segment));
      body.own = message.streamed->location;
      body.own_compressed = message.streamed->compressed;
    } else {
      const Result<BlobLocation> location =
          message.compressed
              ? store_.blobs.AppendCompressed(message.body, message.size, message.sha256)
              : store_.blobs.Append(message.body, message.sha256);
      if (!location.ok()) {
        blob_failure = location.status();
        return Status::Ok();
      }
      body.own = *location;
      body.own_compressed = message.compressed ? static_cast<uint32_t>(message.body.size()) : 0;
    }
    written = true;
  }
  body.reference = {.location = *body.own, .count = 0, .compressed = body.own_compressed};
  body.placed = true;
  return Status::Ok();
}

Status BodyPlacer::ReadReference(const std::string& key, BodyState& body) {
  if (body.checked) {
    return Status::Ok();
  }
  MH_ASSIGN_OR_RETURN(body.stored, GetRow(store_.records, key));
  body.reference = {};
  if (body.stored) {
    Result<BlobReference> reference = DecodeBlobReference(*body.stored);
    if (!reference.ok()) {
      return AtKey(reference.status(), key);
    }
    body.reference = *reference;
  }
  body.checked = true;
  body.changed = false;
  body.placed = false;
  return Status::Ok();
}

}  // namespace mailhaul::store
