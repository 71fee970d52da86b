// A logged-in session with a mailbox's source, whatever its protocol.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/http_client.h"
#include "connectors/pop3/uidl_directory.h"
#include "engine/app/source_memory.h"
#include "engine/config/config.h"
#include "engine/pipeline/context.h"

namespace mailhaul::app {

// What must live until done is passed by pointer.
struct SourceRequest {
  MailboxId mailbox;
  const config::Server* server = nullptr;
  const config::ProviderProfile* profile = nullptr;  // Null: nothing is known.
  SourceMemory* memory = nullptr;
  KnownServers* servers = nullptr;
  HttpClient* http = nullptr;  // Null: a mailbox with oauth2 fails.
  uint64_t message_bytes_max = 0;
  Duration idle_timeout{0};
  bool compress = false;
  bool leave_unless_news = false;  // imap::SessionOptions.
  std::optional<net::IpAddress> egress;
  // Where a POP3 session has its numbers from; null: from the store of the context.
  std::unique_ptr<pop3::UidlDirectory> uids;
  // Set when the token server is what fails, but for a refusal of the grant. Whoever has written
  // token_url chose it: the mail server and its other mailboxes have no part in it. May be null.
  bool* token_failed = nullptr;
};

struct OpenedSource {
  std::unique_ptr<pop3::UidlDirectory> uids;  // Used by a POP3 session; outlives it.
  std::unique_ptr<SourceSession> session;
  std::chrono::seconds login_delay{0};  // What the server wants between two logins at least.
};

// On the loop of `dialer`. The session belongs to it; `context` must outlive it. A server that
// refuses an access token which has been good before gets kUnreachable, so that it is tried again
// with a fresh one; only a fresh one that is refused is kAuthFailed.
net::Task<Result<OpenedSource>> OpenSource(pipeline::Context& context, Dialer& dialer,
                                           SourceRequest request);

}  // namespace mailhaul::app
