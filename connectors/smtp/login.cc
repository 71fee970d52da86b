#include "connectors/smtp/login.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "connectors/smtp/command_encoder.h"
#include "connectors/smtp/limits.h"
#include "connectors/smtp/refusal.h"

namespace mailhaul::smtp {
namespace {

// The first line of an exchange. A response that makes the line too long waits for the server's
// challenge (RFC 4954 section 4): access tokens do.
Secret AuthCommand(std::string_view mechanism, const Secret* initial, bool* sent_initial) {
  std::string line = "AUTH " + std::string(mechanism);
  *sent_initial = false;
  if (initial != nullptr) {
    const Secret encoded(initial->empty() ? "=" : Base64Encode(initial->Reveal()));
    const size_t bytes = line.size() + 1 + encoded.Reveal().size() + 2;
    if (bytes <= kCommandLineBytesMax) {
      line.reserve(bytes);  // No copy of the secret is left behind.
      line += " ";
      line += encoded.Reveal();
      *sent_initial = true;
    }
  }
  line += "\r\n";
  return Secret(std::move(line));
}

Secret ResponseLine(const Secret& response) {
  const Secret encoded(Base64Encode(response.Reveal()));
  std::string line;
  line.reserve(encoded.Reveal().size() + 2);
  line += encoded.Reveal();
  line += "\r\n";
  return Secret(std::move(line));
}

// Servers have been seen to quote a command back.
void WithholdSecrets(const Credentials& credentials, const Secret& sent, Reply* reply) {
  std::string_view line = sent.Reveal();
  line = line.substr(0, line.find_last_not_of("\r\n") + 1);
  line = line.substr(std::min(line.rfind(' ') + 1, line.size()));
  for (const std::string_view secret :
       {credentials.password.Reveal(), credentials.access_token.Reveal(), line}) {
    if (!secret.empty() && reply->text.find(secret) != std::string::npos) {
      reply->text = "(text withheld)";
    }
  }
}

// The server's turn of an exchange, and our answer to it.
class Exchange final {
 public:
  Exchange(Connection& connection, sasl::Mechanism& mechanism, const Credentials& credentials)
      : connection_(connection), mechanism_(mechanism), credentials_(credentials) {}

  net::Task<Status> Run();

 private:
  net::Task<Result<Reply>> Send(Secret line);
  Result<Secret> Answer(const Reply& challenge);

  Connection& connection_;
  sasl::Mechanism& mechanism_;
  const Credentials& credentials_;
  std::optional<Secret> initial_;  // The client's first message while it is not sent.
};

net::Task<Result<Reply>> Exchange::Send(Secret line) {
  const Status in_step = connection_.CheckInStep();
  if (!in_step.ok()) {
    co_return in_step;
  }
  CO_RETURN_IF_ERROR(connection_.Write(line.Reveal(), kReplyTimeout));
  CO_TRY(Reply reply, connection_.ReadReply(kReplyTimeout));
  WithholdSecrets(credentials_, line, &reply);
  co_return reply;
}

Result<Secret> Exchange::Answer(const Reply& challenge) {
  if (initial_.has_value()) {
    if (!challenge.text.empty()) {
      return Status(Code::kProtocol, "the server sent a challenge where the client begins");
    }
    Secret response = std::move(*initial_);
    initial_.reset();
    return response;
  }
  const std::optional<std::string> bytes = Base64Decode(challenge.text);
  if (!bytes.has_value() || bytes->size() > sasl::kChallengeBytesMax) {
    return Status(Code::kProtocol, "the server sent a challenge that is not base64, or too long");
  }
  return mechanism_.Respond(*bytes);
}

net::Task<Status> Exchange::Run() {
  if (mechanism_.client_first()) {
    Result<Secret> initial = mechanism_.Respond("");
    if (!initial.ok()) {
      co_return initial.status();
    }
    initial_ = std::move(initial).value();
  }
  bool sent_initial = false;
  Secret line = AuthCommand(mechanism_.name(), initial_ ? &*initial_ : nullptr, &sent_initial);
  if (sent_initial) {
    initial_.reset();
  }
  CO_TRY(Reply reply, Send(std::move(line)));
  for (size_t step = 0; reply.code == 334; ++step) {
    if (step == sasl::kStepsMax) {
      co_return Status(Code::kProtocol, "the server does not come to an end with its challenges");
    }
    Result<Secret> response = Answer(reply);
    if (!response.ok()) {
      co_return response.status();
    }
    Secret next = ResponseLine(*response);
    CO_TRY(reply, Send(std::move(next)));
  }
  if (reply.positive()) {
    co_return mechanism_.Finish();
  }
  if (reply.intermediate()) {
    co_return Status(Code::kProtocol, "the server answers AUTH with " + reply.ToString());
  }
  Refusal refusal = ClassifyRefusal(reply, Step::kLogin, "AUTH " + std::string(mechanism_.name()));
  co_return refusal.status;
}

}  // namespace

net::Task<Status> ReadGreeting(Connection& connection) {
  Result<Reply> greeting = co_await connection.ReadReply(kReplyTimeout);
  if (!greeting.ok()) {
    if (greeting.status().code() == Code::kUnreachable && !connection.received_anything()) {
      co_return Status(Code::kUnreachable,
                       connection.peer_name() +
                           " closed the connection without a greeting; many servers do so when "
                           "one address has too many connections");
    }
    co_return greeting.status().WithContext(connection.peer_name());
  }
  if (greeting->temporary() || greeting->permanent()) {
    Refusal refusal =
        ClassifyRefusal(*greeting, Step::kGreeting, "the connection to " + connection.peer_name());
    co_return refusal.status;
  }
  if (greeting->code != 220) {
    co_return Status(Code::kProtocol, connection.peer_name() +
                                          " does not greet as an SMTP server does; check the port");
  }
  co_return Status::Ok();
}

net::Task<Result<Extensions>> SayHello(Connection& connection, std::string client_name,
                                       bool allow_helo) {
  Result<std::string> ehlo = EncodeHello("EHLO", client_name);
  if (!ehlo.ok()) {
    co_return ehlo.status();
  }
  CO_TRY(Reply reply, connection.Command(std::move(*ehlo)));
  if (reply.code == 250) {
    co_return ParseExtensions(reply);
  }
  if (reply.permanent() && allow_helo) {
    Result<std::string> helo = EncodeHello("HELO", client_name);
    CO_TRY(reply, connection.Command(std::move(*helo)));
    if (reply.code == 250) {
      co_return Extensions();
    }
  }
  if (reply.positive() || reply.intermediate()) {
    co_return Status(Code::kProtocol, "the server answers EHLO with " + reply.ToString());
  }
  Refusal refusal = ClassifyRefusal(reply, Step::kHello, "EHLO");
  co_return refusal.status;
}

net::Task<Status> Login(Connection& connection, const Extensions& extensions,
                        const Credentials& credentials, const sasl::MechanismContext& context,
                        Random& random) {
  if (extensions.auth_mechanisms.empty()) {
    co_return Status(Code::kServerRefused,
                     connection.peer_name() +
                         " offers no AUTH on this connection; it may want security: tls or "
                         "starttls, or another port");
  }
  Result<std::unique_ptr<sasl::Mechanism>> mechanism =
      sasl::ChooseMechanism(extensions.auth_mechanisms, credentials, context, random);
  if (!mechanism.ok()) {
    co_return mechanism.status();
  }
  Exchange exchange(connection, **mechanism, credentials);
  co_return co_await exchange.Run();
}

}  // namespace mailhaul::smtp
