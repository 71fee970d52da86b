#include "connectors/smtp/smtp_session.h"

#include <utility>

#include "connectors/net/loop.h"
#include "connectors/smtp/address.h"
#include "connectors/smtp/connection.h"
#include "connectors/smtp/limits.h"
#include "connectors/smtp/login.h"
#include "connectors/smtp/transaction.h"

namespace mailhaul::smtp {
namespace {

bool HasLogin(const Credentials& credentials) {
  return !credentials.username.empty() || !credentials.password.empty() ||
         !credentials.access_token.empty();
}

net::Task<Result<Extensions>> Establish(Dialer& dialer, const ServerAddress& server,
                                        const Credentials& credentials, Random& random,
                                        const SessionOptions& options, TimePoint deadline,
                                        std::unique_ptr<Connection>* connection) {
  (*connection)->SetOverallDeadline(deadline);
  CO_RETURN_IF_ERROR(ReadGreeting(**connection));
  const bool allow_helo = server.security == Security::kPlaintext && !HasLogin(credentials);
  CO_TRY(Extensions extensions, SayHello(**connection, options.client_name, allow_helo));
  if (server.security == Security::kStartTls) {
    CO_RETURN_IF_ERROR(StartTls(dialer, server, extensions, connection));
    (*connection)->SetOverallDeadline(deadline);
    CO_TRY(extensions, SayHello(**connection, options.client_name, false));
  }
  if (HasLogin(credentials)) {
    sasl::MechanismContext context;
    context.host = server.host;
    context.port = server.port;
    context.secure = (*connection)->secure() || server.security == Security::kPlaintext;
    context.channel_binding = (*connection)->channel_binding();
    CO_RETURN_IF_ERROR(Login(**connection, extensions, credentials, context, random));
  }
  const Status in_step = (*connection)->CheckInStep();
  if (!in_step.ok()) {
    co_return in_step;
  }
  (*connection)->SetOverallDeadline(TimePoint::max());
  co_return extensions;
}

net::Task<void> Quit(Connection& connection) {
  const TimePoint deadline = net::Loop::Current()->Now() + kQuitTimeout;
  connection.SetOverallDeadline(deadline);
  std::string line = "QUIT\r\n";
  const Result<Reply> reply = co_await connection.Command(std::move(line));
  // Whatever it says: we are done.
  static_cast<void>(reply.ok());
  co_await connection.AwaitEnd(deadline);
}

}  // namespace

net::Task<Result<std::unique_ptr<SmtpSession>>> OpenSmtpSession(
    Dialer& dialer, ServerAddress server, Credentials credentials,
    std::optional<net::IpAddress> egress, Random& random, SessionOptions options) {
  const Status name = CheckClientName(options.client_name);
  if (!name.ok()) {
    co_return name;
  }
  // One deadline for all of it. The dial and the handshake have the dialer's besides.
  const TimePoint deadline = net::Loop::Current()->Now() + options.login_timeout;
  CO_TRY(std::unique_ptr<net::Stream> stream, dialer.Dial(server, egress));
  if (server.security == Security::kTls && !stream->secure()) {
    co_await stream->Close();
    co_return Status(Code::kTlsFailed, "the connection has no verified TLS");
  }
  auto connection = std::make_unique<Connection>(std::move(stream));
  Result<Extensions> extensions =
      co_await Establish(dialer, server, credentials, random, options, deadline, &connection);
  if (!extensions.ok()) {
    if (connection != nullptr) {
      co_await connection->Close();
    }
    co_return extensions.status();
  }
  co_return std::make_unique<SmtpSession>(std::move(connection), std::move(*extensions),
                                          std::move(options));
}

SmtpSession::SmtpSession(std::unique_ptr<Connection> connection, Extensions extensions,
                         SessionOptions options)
    : connection_(std::move(connection)),
      extensions_(std::move(extensions)),
      options_(std::move(options)) {}

SmtpSession::~SmtpSession() = default;

net::Task<SendResult> SmtpSession::Send(const Envelope& envelope, MessageSource& source,
                                        SendObserver& observer) {
  if (!ended_.ok()) {
    SendResult dead;
    dead.status = ended_;
    dead.recipients.resize(envelope.recipients.size());
    co_return dead;
  }
  Transaction transaction(*connection_, extensions_, options_, envelope, source, observer);
  SendResult result = co_await transaction.Run(needs_reset_);
  needs_reset_ = needs_reset_ || transaction.began();
  if (ended_.ok() && !transaction.broken().ok()) {
    ended_ = transaction.broken();
  } else if (ended_.ok() && connection_->closing()) {
    ended_ = Status(Code::kUnreachable, connection_->peer_name() + " ended the session (421)");
  }
  co_return result;
}

void SmtpSession::Abort() {
  ended_ = Status(Code::kCancelled, "the session was aborted");
  connection_->Abort();
}

net::Task<void> SmtpSession::Close() {
  // Never within a message: the server might take QUIT for its text.
  if (ended_.ok()) {
    co_await Quit(*connection_);
    ended_ = Status(Code::kCancelled, "the session was closed");
  }
  co_await connection_->Close();
}

}  // namespace mailhaul::smtp
