#include "connectors/imap/login.h"

#include <string>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

// Keeps the last list of capabilities, wherever it stands.
class CapabilityCollector final : public UntaggedHandler {
 public:
  Status OnUntagged(const Response& response) override {
    Note(response);
    return {};
  }
  void Note(const Response& response) {
    if (!response.capabilities.empty()) {
      capabilities_ = Capabilities(response.capabilities);
    }
  }
  Capabilities Take() { return std::move(capabilities_); }

 private:
  Capabilities capabilities_;
};

enum class Method : uint8_t { kNone, kPlainInitial, kPlain, kLogin };

Method ChooseMethod(const Capabilities& capabilities) {
  if (capabilities.Has("AUTH=PLAIN")) {
    return capabilities.Has("SASL-IR") ? Method::kPlainInitial : Method::kPlain;
  }
  return capabilities.Has("LOGINDISABLED") ? Method::kNone : Method::kLogin;
}

// RFC 4616: authorization identity (none), user name, password.
Result<std::string> PlainMessage(const Credentials& credentials) {
  const std::string_view password = credentials.password.Reveal();
  if (credentials.username.find('\0') != std::string::npos ||
      password.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalidArgument, "the user name or password contains NUL");
  }
  std::string message(1, '\0');
  message += credentials.username;
  message.push_back('\0');
  message += password;
  return Base64Encode(message);
}

Result<EncodedCommand> EncodeLogin(Method method, std::string tag, LiteralSupport literals,
                                   const Credentials& credentials) {
  if (method == Method::kLogin) {
    CommandEncoder encoder(std::move(tag), literals);
    encoder.Raw("LOGIN").String(credentials.username).String(credentials.password.Reveal());
    return std::move(encoder).Finish();
  }
  MH_ASSIGN_OR_RETURN(const std::string message, PlainMessage(credentials));
  if (method == Method::kPlainInitial) {
    return PlainCommand(std::move(tag), "AUTHENTICATE PLAIN " + message);
  }
  // The password is the answer to the server's "+", never sent before it.
  EncodedCommand command = PlainCommand(std::move(tag), "AUTHENTICATE PLAIN");
  command.parts.push_back(message + "\r\n");
  return command;
}

// Servers have been seen to quote the command back.
void WithholdSecret(const Secret& password, Response* refusal) {
  const std::string_view secret = password.Reveal();
  if (!secret.empty() && (refusal->text.find(secret) != std::string::npos ||
                          refusal->code.arguments.find(secret) != std::string::npos)) {
    refusal->text = "(text withheld)";
  }
}

}  // namespace

net::Task<Result<Greeting>> ReadGreeting(Connection& connection) {
  Result<ResponseParser::Event> event = co_await connection.Next();
  if (!event.ok()) {
    if (event.status().code() == Code::kUnreachable && !connection.received_anything()) {
      co_return Status(Code::kUnreachable,
                       connection.peer_name() +
                           " closed the connection without a greeting; many servers do so when "
                           "one address has too many connections");
    }
    co_return event.status().WithContext(connection.peer_name());
  }
  const Response& response = connection.response();
  const bool is_greeting =
      *event == ResponseParser::Event::kResponse && response.kind == ResponseKind::kCondition &&
      (response.condition == Condition::kOk || response.condition == Condition::kPreauth);
  if (!is_greeting) {
    co_return Status(Code::kProtocol, connection.peer_name() +
                                          " does not greet as an IMAP server does; check the port");
  }
  Greeting greeting;
  greeting.preauthenticated = response.condition == Condition::kPreauth;
  greeting.capabilities = Capabilities(response.capabilities);
  co_return greeting;
}

net::Task<Result<Capabilities>> AskCapabilities(Connection& connection) {
  CapabilityCollector collector;
  EncodedCommand command = PlainCommand(connection.NextTag(), "CAPABILITY");
  CO_TRY(Response done, connection.Run(std::move(command), collector));
  if (done.condition != Condition::kOk) {
    co_return ClassifyRefusal(done, "CAPABILITY", Code::kServerRefused);
  }
  co_return collector.Take();
}

net::Task<Result<Capabilities>> Login(Connection& connection, Capabilities capabilities,
                                      const Credentials& credentials) {
  const Method method = ChooseMethod(capabilities);
  if (method == Method::kNone) {
    co_return Status(Code::kServerRefused,
                     "the server offers neither LOGIN nor AUTHENTICATE PLAIN on this connection; "
                     "it may want security: tls or starttls");
  }
  const std::string_view name = method == Method::kLogin ? "LOGIN" : "AUTHENTICATE PLAIN";
  Result<EncodedCommand> command =
      EncodeLogin(method, connection.NextTag(), capabilities.literals(), credentials);
  if (!command.ok()) {
    co_return command.status();
  }
  CapabilityCollector collector;
  CO_TRY(Response done, connection.Run(std::move(*command), collector));
  if (done.condition != Condition::kOk) {
    WithholdSecret(credentials.password, &done);
    co_return ClassifyLoginRefusal(done, name);
  }
  collector.Note(done);
  Capabilities after = collector.Take();
  if (after.known()) {
    co_return after;
  }
  co_return co_await AskCapabilities(connection);
}

void SendId(Connection* connection) {
  connection->SendAside(PlainCommand(connection->NextTag(), "ID (\"name\" \"mailhaul\")"));
}

}  // namespace mailhaul::imap
