#include "engine/app/ledger_inspector.h"

#include "engine/app/collector.h"
#include "engine/app/login_outcome.h"
#include "engine/pipeline/uidl_lookup.h"

namespace mailhaul::app {

MailboxFinding FailedFinding(std::string mailbox, const Status& why) {
  MailboxFinding finding;
  finding.mailbox = std::move(mailbox);
  finding.code = ToString(why.code());
  finding.detail = why.message();
  return finding;
}

std::optional<MailboxId> LedgerInspector::IdOf(const MailboxState& mailbox) const {
  const std::optional<TenantId> tenant = store_.FindTenant(mailbox.tenant->name);
  return tenant.has_value() ? store_.FindMailbox(*tenant, mailbox.config->id) : std::nullopt;
}

std::unique_ptr<pop3::UidlDirectory> LedgerInspector::UidlsOf(const MailboxState& mailbox) {
  return std::make_unique<pipeline::UidlLookup>(store_, reads_, IdOf(mailbox));
}

net::Task<Status> LedgerInspector::Inspect(const MailboxState& mailbox, SourceSession& session) {
  pipeline::InspectionOptions options;
  options.mailbox = IdOf(mailbox);
  options.window = mailbox.tenant->collect.window;
  options.exclude = mailbox.tenant->collect.exclude;
  Result<pipeline::MailboxInspection> inspected =
      co_await pipeline::InspectSource(store_, reads_, clock_, session, std::move(options));
  const Status status = inspected.status();
  if (status.code() == Code::kCancelled) {
    co_return status;  // Ended from here: it says nothing of the mailbox, which is looked at again.
  }
  MailboxFinding finding =
      FailedFinding(mailbox.FullName(), WithoutSecrets(status, *mailbox.config));
  if (inspected.ok()) {
    finding.found = std::move(inspected).value();
  }
  for (pipeline::FolderInspection& folder : finding.found.told) {
    const Status problem(Code::kServerRefused, folder.problem);
    folder.problem = WithoutSecrets(problem, *mailbox.config).message();
  }
  main_.Post([this, moved = std::move(finding)] { on_found_(moved); });
  co_return status;
}

}  // namespace mailhaul::app
