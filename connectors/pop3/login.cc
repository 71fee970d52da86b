#include "connectors/pop3/login.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/pop3/apop.h"
#include "connectors/pop3/command_encoder.h"
#include "connectors/pop3/pop3_session.h"
#include "connectors/pop3/refusal.h"

namespace mailhaul::pop3 {
namespace {

constexpr size_t kTimestampBytesMax = 512;
constexpr std::string_view kCramMd5 = "CRAM-MD5";

bool UserOffered(const Capabilities& capabilities, bool secure) {
  if (capabilities.Has("USER")) {
    return true;
  }
  // A server without CAPA, or with one that names no login at all: nothing is known, so it may be
  // tried. But one that leaves USER out while the connection is plain does so on purpose.
  return !capabilities.known() || (capabilities.sasl().empty() && secure);
}

net::Task<Status> LoginWithUser(Connection& connection, const Capabilities& capabilities,
                                const Credentials& credentials) {
  Result<Secret> user = EncodeCommand("USER", credentials.username);
  Result<Secret> pass = EncodeCommand("PASS", credentials.password.Reveal());
  if (!user.ok() || !pass.ok()) {
    co_return user.ok() ? pass.status() : user.status();
  }
  CO_RETURN_IF_ERROR(connection.Write(user->Reveal()));
  CO_TRY(StatusLine answer, connection.ReadStatus(Body::kNone));
  if (answer.kind != StatusKind::kOk) {
    co_return LoginRefusal(std::move(answer), "USER", capabilities, credentials);
  }
  CO_RETURN_IF_ERROR(connection.Write(pass->Reveal()));
  CO_TRY(answer, connection.ReadStatus(Body::kNone));
  if (answer.kind != StatusKind::kOk) {
    co_return LoginRefusal(std::move(answer), "PASS", capabilities, credentials);
  }
  co_return Status::Ok();
}

net::Task<Status> LoginWithApop(Connection& connection, const Capabilities& capabilities,
                                const Greeting& greeting, const Credentials& credentials) {
  const std::string argument =
      credentials.username + " " + ApopDigest(greeting.timestamp, credentials.password.Reveal());
  Result<Secret> command = EncodeCommand("APOP", argument);
  if (!command.ok()) {
    co_return command.status();
  }
  CO_RETURN_IF_ERROR(connection.Write(command->Reveal()));
  CO_TRY(StatusLine answer, connection.ReadStatus(Body::kNone));
  if (answer.kind != StatusKind::kOk) {
    co_return LoginRefusal(std::move(answer), "APOP", capabilities, credentials);
  }
  co_return Status::Ok();
}

Status NoLogin(const Capabilities& capabilities) {
  std::string offered;
  for (const std::string& mechanism : capabilities.sasl()) {
    offered += " " + mechanism;
  }
  return {Code::kServerRefused,
          "the server offers no login that fits these credentials on this connection (AUTH:" +
              EscapeForLog(offered) + "); it may want security: tls or starttls"};
}

}  // namespace

std::string FindTimestamp(std::string_view greeting) {
  const size_t begin = greeting.rfind('<');
  if (begin == std::string_view::npos) {
    return {};
  }
  const std::string_view tail = greeting.substr(begin);
  const std::string_view timestamp = tail.substr(0, tail.find('>') + 1);
  const bool usable =
      timestamp.size() <= kTimestampBytesMax && timestamp.find('@') != std::string_view::npos &&
      std::all_of(timestamp.begin(), timestamp.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  return usable ? std::string(timestamp) : std::string();
}

net::Task<Result<Greeting>> ReadGreeting(Connection& connection) {
  const Result<StatusLine> greeting = co_await connection.ReadStatus(Body::kNone);
  if (!greeting.ok()) {
    if (greeting.status().code() == Code::kUnreachable && !connection.received_anything()) {
      co_return Status(Code::kUnreachable,
                       connection.peer_name() +
                           " closed the connection without a greeting; many servers do so when "
                           "one address has too many connections");
    }
    if (greeting.status().code() == Code::kProtocol) {
      co_return Status(Code::kProtocol, connection.peer_name() +
                                            " does not greet as a POP3 server does; check the "
                                            "port: " +
                                            greeting.status().message());
    }
    co_return greeting.status().WithContext(connection.peer_name());
  }
  if (greeting->kind == StatusKind::kError) {
    const Status refused = ClassifyRefusal(*greeting, "the connection", Code::kUnreachable);
    co_return refused.WithContext(connection.peer_name());
  }
  if (greeting->kind != StatusKind::kOk) {
    co_return Status(Code::kProtocol, connection.peer_name() +
                                          " does not greet as a POP3 server does; check the port");
  }
  Greeting result;
  result.timestamp = FindTimestamp(greeting->text);
  co_return result;
}

net::Task<Result<Capabilities>> AskCapabilities(Connection& connection) {
  std::string command = "CAPA\r\n";
  CO_TRY(const StatusLine answer, connection.Run(std::move(command), Body::kLines));
  Capabilities capabilities;
  if (answer.kind == StatusKind::kContinue) {
    co_return Status(Code::kProtocol, "the server asks for data that no command announced");
  }
  if (answer.kind == StatusKind::kError) {
    const Status refused = ClassifyRefusal(answer, "CAPA", Code::kServerRefused);
    if (ConcernsSession(refused)) {
      co_return refused;
    }
    co_return capabilities;
  }
  for (;;) {
    CO_TRY(const bool more, connection.ReadLine());
    if (!more) {
      break;
    }
    capabilities.AddLine(connection.line());
  }
  co_return capabilities;
}

Status LoginRefusal(StatusLine refusal, std::string_view what, const Capabilities& capabilities,
                    const Credentials& credentials) {
  // Servers have been seen to quote the command back.
  for (const Secret* secret : {&credentials.password, &credentials.access_token}) {
    const std::string_view value = secret->Reveal();
    if (!value.empty() && refusal.text.find(value) != std::string::npos) {
      refusal.text = "(text withheld)";
    }
  }
  if (refusal.kind == StatusKind::kContinue) {
    return {Code::kProtocol,
            "the server asks for more after " + std::string(what) + " than the login has"};
  }
  return ClassifyLoginRefusal(refusal, what, capabilities);
}

net::Task<Status> Login(Connection& connection, const Capabilities& capabilities,
                        const Greeting& greeting, const ServerAddress& server,
                        const Credentials& credentials, Random& random) {
  std::vector<std::string> offered = capabilities.sasl();
  const bool offers_cram = std::find(offered.begin(), offered.end(), kCramMd5) != offered.end();
  std::erase(offered, kCramMd5);
  bool done = false;
  CO_RETURN_IF_ERROR(LoginWithSasl(connection, capabilities, std::move(offered), server,
                                   credentials, random, &done));
  const bool has_token = !credentials.access_token.empty();
  if (done || has_token) {
    co_return done ? Status::Ok() : NoLogin(capabilities);
  }
  if (UserOffered(capabilities, connection.secure())) {
    co_return co_await LoginWithUser(connection, capabilities, credentials);
  }
  if (credentials.allow_cram_md5 && offers_cram) {
    std::vector<std::string> last(1, std::string(kCramMd5));
    CO_RETURN_IF_ERROR(LoginWithSasl(connection, capabilities, std::move(last), server, credentials,
                                     random, &done));
    co_return done ? Status::Ok() : NoLogin(capabilities);
  }
  if (credentials.allow_cram_md5 && !greeting.timestamp.empty()) {
    co_return co_await LoginWithApop(connection, capabilities, greeting, credentials);
  }
  co_return NoLogin(capabilities);
}

}  // namespace mailhaul::pop3
