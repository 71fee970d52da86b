// The inspector behind `verify --online`: what it finds of each mailbox comes to the main loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/work_pool.h"
#include "connectors/net/loop.h"
#include "engine/app/inspector.h"
#include "engine/pipeline/source_inspection.h"
#include "store/mail_store.h"

namespace mailhaul::app {

struct MailboxFinding {
  std::string mailbox;      // "tenant/id"
  std::string code = "ok";  // Else of a status: why there is nothing else.
  std::string detail;       // Quotes no secret.
  pipeline::MailboxInspection found;

  bool IsRight() const { return code == "ok" && found.IsRight(); }
};

// Of a mailbox that could not be looked at.
MailboxFinding FailedFinding(std::string mailbox, const Status& why);

class LedgerInspector final : public Inspector {
 public:
  using OnFound = std::function<void(MailboxFinding finding)>;
  // Mailboxes are looked up by their names, so `store` need not be the collector's. All of it
  // outlives the collector's run; `on_found` is called on `main`.
  LedgerInspector(const store::MailStore& store, WorkPool& reads, const Clock& clock,
                  net::Loop& main, OnFound on_found)
      : store_(store), reads_(reads), clock_(clock), main_(main), on_found_(std::move(on_found)) {}

  std::unique_ptr<pop3::UidlDirectory> UidlsOf(const MailboxState& mailbox) override;
  net::Task<Status> Inspect(const MailboxState& mailbox, SourceSession& session) override;

 private:
  std::optional<MailboxId> IdOf(const MailboxState& mailbox) const;

  const store::MailStore& store_;
  WorkPool& reads_;
  const Clock& clock_;
  net::Loop& main_;
  const OnFound on_found_;
};

}  // namespace mailhaul::app
