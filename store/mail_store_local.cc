// Changes that a user makes here.
#include <utility>

#include "store/body_release.h"
#include "store/key_layout.h"
#include "store/placements.h"
#include "store/shard_batch.h"

namespace mailhaul::store {
namespace {

Status NoMessage(MessageId id) { return {Code::kNotFound, "no message " + FormatId(id.value)}; }

// One change of one message. Nothing is written blindly: the batch expects the placement to be as
// it was read, and what was refused or is so already leaves the batch empty.
class LocalChange final {
 public:
  LocalChange(MailStore::Impl& store, MessageId id, const MailStore::Admit& admit)
      : store_(store), id_(id), admit_(admit) {}

  Result<StoredMessage> Patch(const LocalPatch& patch) {
    if (patch.tags && *patch.tags) {
      MH_RETURN_IF_ERROR(CheckLocalTags(**patch.tags));
    }
    MH_RETURN_IF_ERROR(Commit([&](ShardBatch& batch, MailboxState& mailbox, Placement placement) {
      Placement patched = placement;
      patched.local = Patched(placement.local, patch);
      if (patched.local.folder && !mailbox.folders.contains(*patched.local.folder)) {
        refused_ = Status(Code::kInvalidArgument, "the mailbox has no such folder");
        return Status::Ok();
      }
      if (patched.local == placement.local) {
        return Status::Ok();
      }
      batch.Expect(PlacementKey(id_), row_);
      return ReplacePlacement(batch, mailbox, id_, std::move(placement), std::move(patched));
    }));
    return store_.ReadMessage(id_, /*with_version=*/true);
  }

  Status Delete() {
    return Commit([&](ShardBatch& batch, MailboxState& mailbox, Placement placement) -> Status {
      Placement deleted = placement;
      deleted.deleted = true;
      deleted.local = LocalState();
      batch.Expect(PlacementKey(id_), row_);
      BodyRelease release(store_.records, mailbox.record.tenant);
      MH_RETURN_IF_ERROR(release.Add(batch, placement));
      release.Write(batch);
      return ReplacePlacement(batch, mailbox, id_, std::move(placement), std::move(deleted));
    });
  }

 private:
  using Change = std::function<Status(ShardBatch&, MailboxState&, Placement)>;

  Status Commit(const Change& change) {
    // Before a shard's state is read for an id that is of no shard.
    MH_ASSIGN_OR_RETURN(const std::optional<std::string> there,
                        GetRow(store_.records, PlacementKey(id_)));
    if (!there) {
      return NoMessage(id_);
    }
    const auto fill = [&](ShardBatch& batch) -> Status {
      refused_ = Status::Ok();
      const std::string key = PlacementKey(id_);
      MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(store_.records, key));
      if (!row) {
        refused_ = NoMessage(id_);
        return Status::Ok();
      }
      row_ = *row;
      Result<Placement> placement = DecodePlacement(*row);
      if (!placement.ok()) {
        return AtKey(placement.status(), key);
      }
      if (placement->deleted) {
        refused_ = NoMessage(id_);
        return Status::Ok();
      }
      MH_ASSIGN_OR_RETURN(MailboxState * mailbox, store_.cache.Mailbox(placement->mailbox));
      if (admit_) {
        MH_ASSIGN_OR_RETURN(const StoredMessage message, store_.ReadMessage(id_, true));
        refused_ = admit_(message);
        if (!refused_.ok()) {
          return Status::Ok();
        }
      }
      return change(batch, *mailbox, std::move(placement).value());
    };
    MH_RETURN_IF_ERROR(CommitShardBatch(store_, id_.shard(), fill));
    return refused_;
  }

  MailStore::Impl& store_;
  const MessageId id_;
  const MailStore::Admit& admit_;
  std::string row_;  // The placement as it was read.
  Status refused_;
};

}  // namespace

Result<StoredMessage> MailStore::ChangeMessage(MessageId id, const LocalPatch& patch,
                                               const Admit& admit) {
  impl_->cache.Trim();
  return LocalChange(*impl_, id, admit).Patch(patch);
}

Status MailStore::DeleteMessage(MessageId id, const Admit& admit) {
  impl_->cache.Trim();
  impl_->reclaim.wanted = true;
  return LocalChange(*impl_, id, admit).Delete();
}

}  // namespace mailhaul::store
