#include "engine/app/open_source.h"

#include <utility>

#include "base/random.h"
#include "connectors/imap/imap_session.h"
#include "connectors/pop3/pop3_session.h"
#include "engine/pipeline/uidl_store.h"

namespace mailhaul::app {
namespace {

ServerAddress ToServerAddress(const config::Server& server) {
  ServerAddress address;
  address.host = server.host;
  address.port = server.port;
  switch (server.security) {
    case config::SecurityMode::kTls:
      address.security = Security::kTls;
      break;
    case config::SecurityMode::kStartTls:
      address.security = Security::kStartTls;
      break;
    case config::SecurityMode::kPlaintext:
      address.security = Security::kPlaintext;
      break;
  }
  return address;
}

Credentials ToCredentials(const config::Server& server) {
  Credentials credentials;
  credentials.username = server.username;
  credentials.password = server.password;
  credentials.allow_cram_md5 = server.allow_cram_md5;
  return credentials;
}

net::Task<Result<OpenedSource>> OpenImap(Dialer& dialer, SourceRequest request) {
  imap::SessionOptions options;
  options.command_timeout = request.idle_timeout;
  options.body_bytes_max = request.message_bytes_max;
  OpenedSource source;
  CO_TRY(source.session,
         imap::OpenImapSession(dialer, ToServerAddress(*request.server),
                               ToCredentials(*request.server), request.egress, options));
  co_return source;
}

net::Task<Result<OpenedSource>> OpenPop3(pipeline::Context& context, Dialer& dialer,
                                         SourceRequest request) {
  pop3::SessionOptions options;
  options.command_timeout = request.idle_timeout;
  options.body_bytes_max = request.message_bytes_max;
  OpenedSource source;
  source.uids = std::make_unique<pipeline::UidlStore>(context, request.mailbox);
  SystemRandom random;
  CO_TRY(pop3::OpenedPop3Session opened,
         pop3::OpenPop3Session(dialer, *source.uids, random, ToServerAddress(*request.server),
                               ToCredentials(*request.server), request.egress, options));
  source.session = std::move(opened.session);
  source.login_delay = opened.login_delay;
  co_return source;
}

}  // namespace

net::Task<Result<OpenedSource>> OpenSource(pipeline::Context& context, Dialer& dialer,
                                           SourceRequest request) {
  if (request.server->protocol == config::Protocol::kPop3) {
    co_return co_await OpenPop3(context, dialer, std::move(request));
  }
  co_return co_await OpenImap(dialer, std::move(request));
}

}  // namespace mailhaul::app
