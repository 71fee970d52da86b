#include <utility>

#include "base/text.h"
#include "store/index_build.h"
#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace mailhaul::store {
namespace {

constexpr std::string_view kFormatName = "mailhaul-store-";
constexpr size_t kTenantKeyBytes = kKeyPrefixBytes + sizeof(uint32_t);
constexpr size_t kAssignmentKeyBytes = kTenantKeyBytes + sizeof(uint64_t);

Status SetFormatVersion(KeyValueStore& records, const std::optional<std::string>& from) {
  const std::string key = FormatVersionKey();
  Batch batch;
  batch.shard = kControlShard;
  batch.expectations.push_back({.key = key, .value = from});
  batch.Put(key, std::string(kFormatVersionValue));
  Outcome outcome;
  records.Commit({&batch, 1}, {&outcome, 1});
  return StatusOf(outcome);
}

// The version of a store; a new one gets its version, unless it is only to be read.
Result<std::string> ReadFormatVersion(KeyValueStore& records, MailStore::Access access) {
  const std::string key = FormatVersionKey();
  MH_ASSIGN_OR_RETURN(std::optional<std::string> version, GetRow(records, key));
  if (version && IsIndexedFormat(*version) && version != kFormatVersionValue &&
      access == MailStore::Access::kWrite) {
    MH_RETURN_IF_ERROR(SetFormatVersion(records, version));
    return std::string(kFormatVersionValue);
  }
  if (version && IsKnownFormat(*version)) {
    return std::move(*version);
  }
  if (version && version->starts_with(kFormatName)) {
    return AtKey({Code::kCorrupt, "the store was written by a newer mailhaul: it has format \"" +
                                      EscapeForLog(*version) + "\", this program knows \"" +
                                      std::string(kFormatVersionValue) +
                                      "\"; use the newer program, or a backup from before it"},
                 key);
  }
  if (version) {
    return AtKey(
        {Code::kCorrupt, "not the format of a mailhaul store: \"" + EscapeForLog(*version) + "\""},
        key);
  }
  // A row without a version: not ours, or damaged.
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> sequences,
                      GetRow(records, ControlSequenceKey()));
  if (sequences) {
    return AtKey({Code::kCorrupt, "the store's format version is missing"}, key);
  }
  if (access == MailStore::Access::kWrite) {
    MH_RETURN_IF_ERROR(SetFormatVersion(records, std::nullopt));
  }
  return std::string(kFormatVersionValue);
}

}  // namespace

Result<std::unique_ptr<MailStore>> MailStore::Open(KeyValueStore& records, BlobStore& blobs,
                                                   const Clock& clock, Access access) {
  MH_ASSIGN_OR_RETURN(const std::string version, ReadFormatVersion(records, access));
  auto impl = std::make_unique<Impl>(records, blobs, clock);
  MH_RETURN_IF_ERROR(impl->LoadTables());
  impl->indexed = IsIndexedFormat(version);
  if (!impl->indexed && access == Access::kWrite) {
    MH_RETURN_IF_ERROR(BuildIndexes(records, impl->table));
    impl->indexed = true;
  }
  return std::unique_ptr<MailStore>(new MailStore(std::move(impl)));
}

Status MailStore::Impl::LoadTables() {
  const auto add_tenant = [this](std::string_view key, std::string_view value) -> Status {
    if (key.size() != kTenantKeyBytes || value.empty() || value.size() > kNameBytesMax) {
      return {Code::kCorrupt, "not a valid tenant record"};
    }
    table.AddTenant({ReadU32(key, kKeyPrefixBytes)}, std::string(value));
    return Status::Ok();
  };
  MH_RETURN_IF_ERROR(VisitRows(records, TenantPrefix(), add_tenant));

  MH_RETURN_IF_ERROR(LoadRemovals());
  const auto add_mailbox = [this](std::string_view key, std::string_view value) -> Status {
    if (key.size() != kAssignmentKeyBytes) {
      return {Code::kCorrupt, "not a valid assignment key"};
    }
    const TenantId tenant{ReadU32(key, kKeyPrefixBytes)};
    const MailboxId mailbox{ReadU64(key, kTenantKeyBytes)};
    if (!table.HasTenant(tenant) || mailbox.shard() == kControlShard) {
      return {Code::kCorrupt, "assignment of a mailbox to no tenant or no shard"};
    }
    MH_ASSIGN_OR_RETURN(AssignmentRecord assignment, DecodeAssignment(value));
    table.SetMailbox(mailbox, {.tenant = tenant,
                               .name = std::move(assignment.name),
                               .address = std::move(assignment.address)});
    return Status::Ok();
  };
  MH_RETURN_IF_ERROR(VisitRows(records, AssignmentPrefix(), add_mailbox));
  // Read now, so that damage shows at the start.
  const Result<ShardState*> control = cache.Shard(kControlShard);
  return control.ok() ? Status::Ok() : control.status();
}

}  // namespace mailhaul::store
