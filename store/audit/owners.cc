#include "store/audit/owners.h"

#include <optional>
#include <set>
#include <string>

#include "store/audit/paging.h"
#include "store/index_build.h"
#include "store/key_layout.h"
#include "store/mail_store_cache.h"
#include "store/mail_store_impl.h"
#include "store/records.h"
#include "store/removal.h"

namespace mailhaul::store {
namespace {

constexpr size_t kTenantKeyBytes = kKeyPrefixBytes + sizeof(uint32_t);
constexpr size_t kAssignmentKeyBytes = kTenantKeyBytes + sizeof(uint64_t);

Result<Sequences> ReadSequences(KeyValueStore& records, AuditReport& report) {
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> row, GetRow(records, ControlSequenceKey()));
  if (!row) {
    return Sequences{};
  }
  const Result<Sequences> sequences = DecodeSequences(*row);
  if (!sequences.ok()) {
    report.Add("the next tenant and mailbox numbers", "unreadable");
    return Sequences{.first = UINT64_MAX, .second = UINT64_MAX};
  }
  return *sequences;
}

// Removed tenants and mailboxes that something may be left of.
Status AddRemovals(KeyValueStore& records, const Sequences& sequences, AuditReport& report,
                   const std::set<TenantId>& tenants, Owners& owners) {
  std::set<TenantId> known = tenants;
  return PageThrough(records, RemovalPrefix(), [&](const Row& row) {
    ++report.rows;
    const Result<RemovalRecord> removal = DecodeRemoval(row.value);
    if (row.key.size() != kAssignmentKeyBytes || !removal.ok()) {
      report.Add(NameRow(row.key), "not a valid removal");
      return Status::Ok();
    }
    const TenantId tenant{ReadU32(row.key, kKeyPrefixBytes)};
    const MailboxId mailbox{ReadU64(row.key, kTenantKeyBytes)};
    if (mailbox.value == 0) {
      if (!known.insert(tenant).second || tenant.value >= sequences.second) {
        report.Add(NameRow(row.key), "removes a tenant that is still there, or never was");
      }
    } else if (!known.contains(tenant) || mailbox.shard() == kControlShard ||
               mailbox.sequence() >= sequences.first || owners.contains(mailbox)) {
      report.Add("mailbox " + FormatId(mailbox.value), "removed, but of no tenant or still there");
    } else if (!removal->ended) {
      owners.emplace(mailbox, tenant);
    }
    return Status::Ok();
  });
}

}  // namespace

Result<Owners> AuditControlRows(KeyValueStore& records, AuditReport& report) {
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> version,
                      GetRow(records, FormatVersionKey()));
  MH_ASSIGN_OR_RETURN(const std::optional<std::string> started,
                      GetRow(records, ControlSequenceKey()));
  if (version ? !IsKnownFormat(*version) : started.has_value()) {
    report.Add("the format version", version ? "is not one that this program reads" : "missing");
  }
  MH_ASSIGN_OR_RETURN(const Sequences sequences, ReadSequences(records, report));
  std::set<TenantId> tenants;
  MH_RETURN_IF_ERROR(PageThrough(records, TenantPrefix(), [&](const Row& row) {
    if (row.key.size() != kTenantKeyBytes || row.value.empty() ||
        row.value.size() > kNameBytesMax || ReadU32(row.key, kKeyPrefixBytes) >= sequences.second) {
      report.Add(NameRow(row.key), "not a valid tenant");
    } else {
      tenants.insert({ReadU32(row.key, kKeyPrefixBytes)});
    }
    ++report.tenants;
    ++report.rows;
    return Status::Ok();
  }));
  Owners owners;
  MH_RETURN_IF_ERROR(PageThrough(records, AssignmentPrefix(), [&](const Row& row) {
    ++report.mailboxes;
    ++report.rows;
    if (row.key.size() != kAssignmentKeyBytes || !DecodeAssignment(row.value).ok()) {
      report.Add(NameRow(row.key), "not a valid assignment of a mailbox");
      return Status::Ok();
    }
    const TenantId tenant{ReadU32(row.key, kKeyPrefixBytes)};
    const MailboxId mailbox{ReadU64(row.key, kTenantKeyBytes)};
    if (!tenants.contains(tenant) || mailbox.shard() == kControlShard ||
        mailbox.sequence() >= sequences.first || !owners.emplace(mailbox, tenant).second) {
      report.Add("mailbox " + FormatId(mailbox.value), "assigned to no tenant, or twice");
    }
    return Status::Ok();
  }));
  MH_RETURN_IF_ERROR(AddRemovals(records, sequences, report, tenants, owners));
  return owners;
}

}  // namespace mailhaul::store
