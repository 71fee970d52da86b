#include "store/mail_store.h"

#include <optional>
#include <set>
#include <utility>

#include "store/key_layout.h"
#include "store/mail_store_impl.h"

namespace mailhaul::store {
namespace {

constexpr int kBusyRetriesMax = 3;

bool IsWorthRetrying(const Outcome& outcome) {
  return outcome.kind == Outcome::Kind::kBusy && outcome.detail.code() != Code::kDiskFull;
}

}  // namespace

Status StatusOf(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kDone:
      return Status::Ok();
    case Outcome::Kind::kConflict:
      return {Code::kConflict, outcome.detail.message()};
    case Outcome::Kind::kFenced:
      return {Code::kFenced, outcome.detail.message()};
    case Outcome::Kind::kBusy:
      return outcome.detail;
    case Outcome::Kind::kUnknown:
      break;
  }
  const Code code = outcome.detail.code();
  if (code == Code::kIo || code == Code::kCorrupt || code == Code::kDiskFull) {
    return outcome.detail;
  }
  return {Code::kUnknownOutcome, outcome.detail.message()};
}

MailStore::MailStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

MailStore::~MailStore() {
  // Nobody is left to hear of a failure; what is lost is the time of the last checks.
  static_cast<void>(FlushChecks());
}

void MailStore::Impl::Commit(std::span<const Batch> batches, std::span<Outcome> outcomes) {
  records.Commit(batches, outcomes);
  commits.fetch_add(1);
  for (size_t i = 0; i < batches.size(); ++i) {
    for (int retry = 0; retry < kBusyRetriesMax && IsWorthRetrying(outcomes[i]); ++retry) {
      records.Commit(batches.subspan(i, 1), outcomes.subspan(i, 1));
      commits.fetch_add(1);
    }
    const Status status = StatusOf(outcomes[i]);
    if (status.ok()) {
      record_bytes.fetch_add(batches[i].bytes());
      TellOfChanges(batches[i]);
      continue;
    }
    cache.Drop(batches[i].shard);
    if (outcomes[i].kind == Outcome::Kind::kUnknown) {
      bytes.Doubt(batches[i].shard);
    }
    if (status.code() == Code::kIo || status.code() == Code::kCorrupt) {
      failed = status;
    }
  }
}

void MailStore::Impl::TellOfChanges(const Batch& batch) const {
  if (!on_changes) {
    return;
  }
  std::set<TenantId> tenants;
  for (const Write& write : batch.writes) {
    const std::optional<TenantId> tenant = TenantOfChangeKey(write.key);
    if (tenant.has_value() && write.value.has_value()) {
      tenants.insert(*tenant);
    }
  }
  for (const TenantId tenant : tenants) {
    on_changes(tenant);
  }
}

void MailStore::OnChanges(std::function<void(TenantId)> listener) {
  impl_->on_changes = std::move(listener);
}

Status MailStore::Impl::CommitOne(Batch batch) {
  MH_RETURN_IF_ERROR(failed);
  Outcome outcome;
  Commit({&batch, 1}, {&outcome, 1});
  return StatusOf(outcome);
}

Status MailStore::CountBytes(std::span<const TenantId> tenants) {
  return impl_->bytes.Count(tenants);
}

std::optional<uint64_t> MailStore::BytesOf(TenantId tenant) const {
  return impl_->bytes.Of(tenant);
}

BlobStore& MailStore::blobs() { return impl_->blobs; }

MailStoreStats MailStore::stats() const {
  return {.commits = impl_->commits.load(),
          .blob_bytes = impl_->blobs.bytes_written(),
          .record_bytes = impl_->record_bytes.load()};
}

}  // namespace mailhaul::store
