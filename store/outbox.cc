#include "store/outbox.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "store/compression.h"
#include "store/key_layout.h"
#include "store/mail_store_impl.h"
#include "store/outbox_rows.h"
#include "store/sent_placement.h"

namespace mailhaul::store {
namespace {

void PutStep(ShardBatch& batch, const Submission& submission) {
  if (const std::optional<SubmissionStep> step = NextStep(submission)) {
    batch.Put(DueKey(submission.mailbox.shard(), step->at, submission.id),
              DueValue(submission.mailbox, step->kind));
  }
}

void MoveStep(ShardBatch& batch, const Submission& before, const Submission& after) {
  const std::optional<SubmissionStep> old_step = NextStep(before);
  const std::optional<SubmissionStep> new_step = NextStep(after);
  if (old_step && (!new_step || new_step->at != old_step->at)) {
    DropStep(batch, before);
  }
  if (new_step && (!old_step || new_step->at != old_step->at || new_step->kind != old_step->kind)) {
    PutStep(batch, after);
  }
}

void AddSubmissionChange(ShardBatch& batch, const Submission& submission) {
  batch.AddChange(ChangeEntry::Type::kSubmissionUpdated, submission.tenant, submission.mailbox,
                  MessageId{submission.id.value});
}

// What HTTP shows of it.
bool LooksTheSame(const Submission& a, const Submission& b) {
  const auto same = [](const SubmissionRecipient& x, const SubmissionRecipient& y) {
    return x.state == y.state && x.code == y.code && x.text == y.text;
  };
  return a.state == b.state && a.error_code == b.error_code && a.placement == b.placement &&
         a.filing == b.filing &&
         std::equal(a.recipients.begin(), a.recipients.end(), b.recipients.begin(),
                    b.recipients.end(), same);
}

struct StoredReference {
  std::string key;
  std::optional<std::string> row;
  BlobReference value;
};

Result<StoredReference> ReadReference(KeyValueStore& records, ShardId shard, TenantId tenant,
                                      const Sha256& sha256) {
  StoredReference reference;
  reference.key = BlobKey(shard, tenant, sha256);
  MH_ASSIGN_OR_RETURN(reference.row, GetRow(records, reference.key));
  if (reference.row) {
    Result<BlobReference> value = DecodeBlobReference(*reference.row);
    if (!value.ok()) {
      return AtKey(value.status(), reference.key);
    }
    reference.value = *value;
  }
  return reference;
}

// One Accept(): whether the key is known, the body, then the batch.
class Acceptance final {
 public:
  Acceptance(MailStore::Impl& store, const NewSubmission& request)
      : store_(store), request_(request) {}

  Result<AcceptedSubmission> Run() {
    MH_RETURN_IF_ERROR(Check());
    MH_RETURN_IF_ERROR(store_.failed);
    const auto fill = [this](ShardBatch& batch) { return Fill(batch); };
    MH_RETURN_IF_ERROR(CommitShardBatch(store_, request_.mailbox.shard(), fill));
    return std::move(accepted_);
  }

 private:
  Status Check() const {
    if (request_.recipients.empty() || request_.recipients.size() > kSubmissionRecipientsMax) {
      return {Code::kInvalidArgument,
              "a submission has 1 to " + std::to_string(kSubmissionRecipientsMax) + " recipients"};
    }
    if (request_.idempotency_key.size() > kIdempotencyKeyBytesMax) {
      return {Code::kInvalidArgument, "an idempotency key has at most " +
                                          std::to_string(kIdempotencyKeyBytesMax) + " bytes"};
    }
    return {};
  }

  Status Fill(ShardBatch& batch) {
    accepted_ = {};
    MH_ASSIGN_OR_RETURN(const MailboxState* mailbox, store_.cache.Mailbox(request_.mailbox));
    const TenantId tenant = mailbox->record.tenant;
    Submission& submission = accepted_.submission;
    if (!request_.idempotency_key.empty()) {
      submission.key = HashOfIdempotencyKey(request_.mailbox, request_.idempotency_key);
      submission.fingerprint = request_.fingerprint;
      MH_ASSIGN_OR_RETURN(
          std::optional<Submission> earlier,
          FindSubmission(store_.records, request_.mailbox, *submission.key, request_.fingerprint));
      if (earlier) {
        accepted_ = {.submission = *std::move(earlier), .repeated = true};
        return {};
      }
    }
    submission.id = {batch.NextMessageId().value};
    submission.tenant = tenant;
    Describe(submission);
    MH_ASSIGN_OR_RETURN(
        StoredReference reference,
        ReadReference(store_.records, request_.mailbox.shard(), tenant, request_.sha256));
    if (!reference.row) {
      MH_ASSIGN_OR_RETURN(const BlobStore::Writer::Finished body, PlaceBody());
      reference.value.location = body.location;
      reference.value.compressed = body.compressed;
    }
    submission.location = reference.value.location;
    ++reference.value.count;
    batch.Replace(reference.key, std::move(reference.row), EncodeBlobReference(reference.value));
    batch.Replace(SubmissionKey(submission.id), std::nullopt, EncodeSubmission(submission));
    batch.Put(ListKeyOf(submission), ListValue(submission));
    if (submission.key) {
      std::string value;
      AppendU64(value, submission.id.value);
      batch.Replace(IdempotencyKey(request_.mailbox, *submission.key), std::nullopt,
                    std::move(value));
    }
    PutStep(batch, submission);
    AddSubmissionChange(batch, submission);
    return {};
  }

  void Describe(Submission& submission) const {
    submission.mailbox = request_.mailbox;
    submission.from = request_.from;
    for (const std::string& address : request_.recipients) {
      submission.recipients.push_back({.address = address,
                                       .state = SubmissionRecipient::State::kPending,
                                       .code = 0,
                                       .text = {}});
    }
    submission.sha256 = request_.sha256;
    submission.message_id = request_.message_id;
    submission.subject = Utf8Prefix(request_.subject, kSubmissionTextBytesMax);
    submission.created_at = store_.clock.WallNow();
    submission.send_at = request_.send_at;
    submission.next_at = std::max(request_.send_at, submission.created_at);
    submission.deadline = std::max(request_.deadline, submission.next_at);
  }

  // Durable before the batch that refers to it; once, however often the batch is built.
  Result<BlobStore::Writer::Finished> PlaceBody() {
    if (!placed_) {
      Result<BlobStore::Writer::Finished> location = WriteBody();
      // Also after a failure: it lets the blob store begin anew.
      const Status synced = store_.blobs.Sync();
      const Status status = location.ok() ? synced : location.status();
      if (status.code() == Code::kIo) {
        store_.failed = status;
      }
      MH_RETURN_IF_ERROR(status);
      placed_ = *location;
    }
    return *placed_;
  }

  Result<BlobStore::Writer::Finished> WriteBody() {
    const std::string& body = request_.body;
    BlobStore::Writer::Finished written;
    if (const std::optional<std::string> compressed = CompressBody(body)) {
      MH_ASSIGN_OR_RETURN(written.location,
                          store_.blobs.AppendCompressed(*compressed, body.size(), request_.sha256));
      written.compressed = static_cast<uint32_t>(compressed->size());
      return written;
    }
    if (body.size() <= kCompressibleBytesMax) {
      MH_ASSIGN_OR_RETURN(written.location, store_.blobs.Append(body, request_.sha256));
      return written;
    }
    MH_ASSIGN_OR_RETURN(const std::unique_ptr<BlobStore::Writer> writer,
                        store_.blobs.Begin(body.size()));
    constexpr size_t kPieceBytes = size_t{256} << 10;
    for (std::string_view left = body; !left.empty();) {
      const std::string_view piece = left.substr(0, kPieceBytes);
      left.remove_prefix(piece.size());
      MH_RETURN_IF_ERROR(writer->Append(piece));
    }
    return writer->Finish();
  }

  MailStore::Impl& store_;
  const NewSubmission& request_;
  std::optional<BlobStore::Writer::Finished> placed_;
  AcceptedSubmission accepted_;
};

// One more placement of the submission's body.
Status CountPlacement(MailStore::Impl& store, ShardBatch& batch, const Submission& submission) {
  MH_ASSIGN_OR_RETURN(StoredReference reference,
                      ReadReference(store.records, submission.mailbox.shard(), submission.tenant,
                                    submission.sha256));
  if (!reference.row) {
    return AtKey({Code::kCorrupt, "a submission's body has no reference"}, reference.key);
  }
  ++reference.value.count;
  batch.Replace(reference.key, std::move(reference.row), EncodeBlobReference(reference.value));
  return {};
}

}  // namespace

Outbox::Outbox(MailStore& store) : impl_(store.impl()) {}

Result<AcceptedSubmission> Outbox::Accept(const NewSubmission& request) {
  impl_.cache.Trim();
  return Acceptance(impl_, request).Run();
}

Result<Submission> Outbox::Update(SubmissionId id, const std::function<Status(Submission&)>& change,
                                  const SentCopy* copy) {
  impl_.cache.Trim();
  Submission result;
  const auto fill = [&](ShardBatch& batch) -> Status {
    MH_ASSIGN_OR_RETURN(auto stored, ReadSubmission(impl_.records, id));
    const Submission before = stored.second;
    result = std::move(stored.second);
    MH_RETURN_IF_ERROR(change(result));
    if (copy != nullptr && result.placement.value == 0 && HasAccepted(result)) {
      MH_ASSIGN_OR_RETURN(MailboxState * mailbox, impl_.cache.Mailbox(result.mailbox));
      MH_ASSIGN_OR_RETURN(result.placement, AddSentPlacement(batch, *mailbox, result, *copy));
      MH_RETURN_IF_ERROR(CountPlacement(impl_, batch, result));
    }
    MoveStep(batch, before, result);
    batch.Replace(SubmissionKey(id), std::move(stored.first), EncodeSubmission(result));
    if (before.state != result.state) {
      batch.Put(ListKeyOf(result), ListValue(result));
    }
    if (!LooksTheSame(before, result)) {
      AddSubmissionChange(batch, result);
    }
    return {};
  };
  MH_RETURN_IF_ERROR(CommitShardBatch(impl_, id.shard(), fill));
  return result;
}

Status Outbox::DoubtAllAfterRestore(WallTime now) {
  for (const ShardId shard : impl_.table.Shards()) {
    std::vector<SubmissionId> waiting;
    const auto note = [&waiting](std::string_view key, std::string_view /*value*/) {
      waiting.push_back({ReadDueKey(key).id.value});
      return Status::Ok();
    };
    MH_RETURN_IF_ERROR(VisitRows(impl_.records, DuePrefix(shard), note));
    for (const SubmissionId id : waiting) {
      const auto doubt = [now](Submission& submission) {
        DoubtAfterRestore(submission, now);
        return Status::Ok();
      };
      MH_RETURN_IF_ERROR(Update(id, doubt).status());
    }
  }
  return Status::Ok();
}

Status Outbox::Forget(SubmissionId id) {
  impl_.cache.Trim();
  impl_.reclaim.wanted = true;
  const auto fill = [&](ShardBatch& batch) -> Status {
    MH_ASSIGN_OR_RETURN(auto stored, ReadSubmission(impl_.records, id));
    const Submission& submission = stored.second;
    if (!IsEnded(submission)) {
      return {Code::kConflict, "submission " + FormatId(id.value) + " has not ended"};
    }
    MH_ASSIGN_OR_RETURN(
        StoredReference reference,
        ReadReference(impl_.records, id.shard(), submission.tenant, submission.sha256));
    if (reference.row) {
      reference.value.count -= reference.value.count > 0 ? 1 : 0;
      batch.Replace(reference.key, std::move(reference.row), EncodeBlobReference(reference.value));
    }
    DeleteSubmission(batch, submission);
    return {};
  };
  return CommitShardBatch(impl_, id.shard(), fill);
}

}  // namespace mailhaul::store
