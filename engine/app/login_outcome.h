// What a failed login test means to whoever asked for the mailbox.
#pragma once

#include "base/status.h"
#include "engine/config/config.h"
#include "engine/http/mailbox_admin.h"

namespace mailhaul::app {

// The same, but for a message that quotes a secret of the mailbox: a server may repeat what it was
// sent.
Status WithoutSecrets(const Status& status, const config::MailboxConfig& mailbox);
// A problem with a stable code: 422 for what has to be changed, 503 for what may pass.
http::MailboxOutcome OutcomeOfLogin(const Status& status, const config::MailboxConfig& mailbox);

}  // namespace mailhaul::app
