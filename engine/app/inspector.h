// Who looks into the sources of mailboxes on the collector's sessions, beside collecting.
#pragma once

#include <memory>

#include "connectors/connector.h"
#include "connectors/pop3/uidl_directory.h"

namespace mailhaul::app {

struct MailboxState;

class Inspector {
 public:
  virtual ~Inspector() = default;
  // Of CollectorOptions::login_only: from where a POP3 session of the mailbox has its numbers, for
  // nothing is to be remembered of it.
  virtual std::unique_ptr<pop3::UidlDirectory> UidlsOf(const MailboxState& mailbox) = 0;
  // On the session's loop, before anything else is done with it. What it fails with is the
  // session's end. `mailbox` is as workers may read it.
  virtual net::Task<Status> Inspect(const MailboxState& mailbox, SourceSession& session) = 0;
};

}  // namespace mailhaul::app
