#include <utility>

#include "connectors/pop3/command_encoder.h"
#include "connectors/pop3/login.h"
#include "connectors/sasl/mechanism.h"

namespace mailhaul::pop3 {
namespace {

// A longer command goes without the initial response (RFC 5034 section 4).
constexpr size_t kAuthLineBytesMax = 255;

// One exchange of AUTH. Everything that holds a secret goes out as the answer to the step that asks
// for it.
class SaslLogin final {
 public:
  SaslLogin(Connection& connection, sasl::Mechanism& mechanism)
      : connection_(connection), mechanism_(mechanism) {}

  // Up to the server's last word, which is not "+".
  net::Task<Result<StatusLine>> Run();

 private:
  net::Task<Status> Begin();
  net::Task<Status> Answer(std::string challenge);
  net::Task<Status> Send(Secret base64);

  Connection& connection_;
  sasl::Mechanism& mechanism_;
  std::optional<Secret> held_;  // The first message, until the server asks for it.
};

net::Task<Status> SaslLogin::Send(Secret base64) {
  std::string line(base64.Reveal());
  line += "\r\n";
  const Secret wiped(std::move(line));
  co_return co_await connection_.Write(wiped.Reveal());
}

net::Task<Status> SaslLogin::Begin() {
  std::string command = "AUTH " + std::string(mechanism_.name());
  if (mechanism_.client_first()) {
    Result<Secret> first = mechanism_.Respond("");
    if (!first.ok()) {
      co_return first.status();
    }
    Secret encoded = sasl::EncodeResponse(*first);
    if (command.size() + 1 + encoded.Reveal().size() + 2 <= kAuthLineBytesMax) {
      Result<Secret> line = EncodeCommand(command, encoded.Reveal());
      if (!line.ok()) {
        co_return line.status();
      }
      co_return co_await connection_.Write(line->Reveal());
    }
    held_ = std::move(encoded);
  }
  command += "\r\n";
  co_return co_await connection_.Write(command);
}

net::Task<Status> SaslLogin::Answer(std::string challenge) {
  if (held_.has_value()) {
    Secret first = std::move(*held_);
    held_.reset();
    co_return co_await Send(std::move(first));
  }
  const Result<std::string> decoded = sasl::DecodeChallenge(challenge);
  if (!decoded.ok()) {
    co_return decoded.status();
  }
  Result<Secret> response = mechanism_.Respond(*decoded);
  if (!response.ok()) {
    co_return response.status();
  }
  Secret encoded = sasl::EncodeResponse(*response);
  co_return co_await Send(std::move(encoded));
}

net::Task<Result<StatusLine>> SaslLogin::Run() {
  CO_RETURN_IF_ERROR(Begin());
  for (size_t step = 0; step <= sasl::kStepsMax; ++step) {
    CO_TRY(StatusLine answer, connection_.ReadStatus(Body::kNone));
    if (answer.kind != StatusKind::kContinue) {
      co_return answer;
    }
    CO_RETURN_IF_ERROR(Answer(std::move(answer.text)));
  }
  co_return Status(Code::kProtocol, "the server asks for more steps than any login has");
}

}  // namespace

net::Task<Status> LoginWithSasl(Connection& connection, const Capabilities& capabilities,
                                std::vector<std::string> offered, const ServerAddress& server,
                                const Credentials& credentials, Random& random, bool* done) {
  *done = false;
  sasl::MechanismContext context;
  context.host = server.host;
  context.port = server.port;
  context.secure = connection.secure() || server.security == Security::kPlaintext;
  context.channel_binding = connection.channel_binding();
  Result<std::unique_ptr<sasl::Mechanism>> chosen =
      sasl::ChooseMechanism(offered, credentials, context, random);
  if (!chosen.ok()) {
    co_return chosen.status().code() == Code::kServerRefused ? Status::Ok() : chosen.status();
  }
  const std::unique_ptr<sasl::Mechanism> mechanism = std::move(chosen).value();
  SaslLogin login(connection, *mechanism);
  CO_TRY(StatusLine last, login.Run());
  if (last.kind == StatusKind::kError) {
    const std::string what = "AUTH " + std::string(mechanism->name());
    co_return mechanism->Refused(LoginRefusal(std::move(last), what, capabilities, credentials));
  }
  *done = true;
  co_return mechanism->Finish();
}

}  // namespace mailhaul::pop3
