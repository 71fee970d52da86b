#include "engine/app/added_mailboxes.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "base/log.h"
#include "base/text.h"
#include "engine/config/added_mailbox.h"
#include "store/sealed_secrets.h"

namespace mailhaul::app {
namespace {

constexpr size_t kToldMax = 20;
constexpr std::string_view kRemovedMark = "removed";

// Takes the mailboxes as they are read.
class Taker final {
 public:
  explicit Taker(const config::Providers& providers) : providers_(providers) {}

  void Take(std::string_view name, const Result<Secret>& record) {
    const std::string_view full_name = name.substr(store::kAddedMailboxPrefix.size());
    const size_t slash = full_name.find('/');
    if (slash == std::string_view::npos) {
      Complain(full_name, Status(Code::kCorrupt, "its name is damaged"));
      return;
    }
    std::string tenant(full_name.substr(0, slash));
    std::string id(full_name.substr(slash + 1));
    if (record.ok() && record->Reveal() == kRemovedMark) {
      added.removed.emplace_back(std::move(tenant), std::move(id));
      return;
    }
    Result<config::MailboxConfig> mailbox =
        record.ok() ? config::DecodeAdded(record->Reveal(), id, providers_)
                    : Result<config::MailboxConfig>(record.status());
    if (!mailbox.ok()) {
      Complain(full_name, mailbox.status());
      return;
    }
    added.by_tenant[std::move(tenant)].emplace(std::move(id), std::move(mailbox).value());
  }

  void End() const {
    if (unreadable_ > kToldMax) {
      LogWarning("and " + std::to_string(unreadable_ - kToldMax) + " more added mailboxes");
    }
  }

  AddedMailboxes added;

 private:
  void Complain(std::string_view name, const Status& why) {
    if (unreadable_++ < kToldMax) {
      LogWarning("mailbox " + EscapeForLog(name) +
                 " was added over HTTP and is not collected: " + why.ToString());
    }
  }

  const config::Providers& providers_;
  size_t unreadable_ = 0;
};

bool Has(const config::Config& config, const std::string& tenant, const std::string& id) {
  for (const config::TenantConfig& each : config.tenants) {
    if (each.name == tenant) {
      return std::any_of(each.mailboxes.begin(), each.mailboxes.end(),
                         [&id](const config::MailboxConfig& mailbox) { return mailbox.id == id; });
    }
  }
  return false;
}

}  // namespace

std::string NameOfAdded(const std::string& tenant, const std::string& id) {
  return std::string(store::kAddedMailboxPrefix) + tenant + "/" + id;
}

std::string RemovedMark() { return std::string(kRemovedMark); }

Result<AddedMailboxes> ReadAddedMailboxes(store::KeyValueStore& records,
                                          const store::SecretBox* secrets,
                                          const config::Providers& providers) {
  Taker taker(providers);
  if (secrets == nullptr) {
    MH_ASSIGN_OR_RETURN(const size_t count,
                        store::CountSecrets(records, store::kAddedMailboxPrefix));
    if (count > 0) {
      LogWarning(std::to_string(count) +
                 " mailboxes were added over HTTP and are not collected: without the master_key "
                 "they were sealed with, nobody can read them");
    }
    return std::move(taker.added);
  }
  MH_RETURN_IF_ERROR(store::ReadSecrets(
      records, *secrets, store::kAddedMailboxPrefix,
      [&taker](std::string_view name, const Result<Secret>& record) { taker.Take(name, record); }));
  taker.End();
  return std::move(taker.added);
}

bool Extend(const AddedMailboxes& added, config::TenantConfig& tenant) {
  const auto found = added.by_tenant.find(tenant.name);
  if (found == added.by_tenant.end() || found->second.empty()) {
    return false;
  }
  std::set<std::string> configured;
  for (const config::MailboxConfig& mailbox : tenant.mailboxes) {
    configured.insert(mailbox.id);
  }
  for (const auto& [id, mailbox] : found->second) {
    if (configured.contains(id)) {
      LogWarning("mailbox " + tenant.name + "/" + id +
                 " was added over HTTP and stands in its tenant's file as well, which goes first; "
                 "what was added is kept and counts again once the file has it no more");
      continue;
    }
    tenant.mailboxes.push_back(mailbox);
  }
  return true;
}

void Extend(const AddedMailboxes& added, config::Config& config) {
  std::set<std::string> known;
  for (config::TenantConfig& tenant : config.tenants) {
    known.insert(tenant.name);
    Extend(added, tenant);
  }
  for (const auto& [name, mailboxes] : added.by_tenant) {
    if (!known.contains(name)) {
      LogInfo(std::to_string(mailboxes.size()) + " added mailboxes of the tenant " +
              EscapeForLog(name) + " wait for it to be configured again");
    }
  }
}

void EndRemovals(AddedMailboxes& added, const config::Config& config, store::KeyValueStore& records,
                 store::MailStore& mail) {
  std::erase_if(added.removed, [&](const std::pair<std::string, std::string>& each) {
    const auto& [tenant_name, id] = each;
    const std::optional<TenantId> tenant = mail.FindTenant(tenant_name);
    const std::optional<MailboxId> mailbox =
        tenant && !Has(config, tenant_name, id) ? mail.FindMailbox(*tenant, id) : std::nullopt;
    // Removing it deletes the mark in the same batch.
    const Status ended = mailbox ? mail.RemoveMailbox(*mailbox)
                                 : store::DeleteSecret(records, NameOfAdded(tenant_name, id));
    const std::string name = EscapeForLog(tenant_name + "/" + id);
    if (ended.ok()) {
      LogInfo("removing " + name + ", which was begun before");
    } else {
      LogWarning("mailbox " + name +
                 " was removed over HTTP, but its data is deleted only by another DELETE or by "
                 "the next start: " +
                 ended.ToString());
    }
    return ended.ok();
  });
}

Result<AddedMailboxes> TakeAddedMailboxes(config::Config& config, const store::SecretBox* secrets,
                                          store::KeyValueStore& records, store::MailStore& mail) {
  MH_ASSIGN_OR_RETURN(AddedMailboxes added,
                      ReadAddedMailboxes(records, secrets, *config.providers));
  EndRemovals(added, config, records, mail);
  Extend(added, config);
  return added;
}

}  // namespace mailhaul::app
