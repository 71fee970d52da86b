#include "connectors/imap/login.h"

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "connectors/imap/authenticate.h"
#include "connectors/imap/commands.h"
#include "connectors/imap/refusal.h"
#include "connectors/net/loop.h"

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

// ID (RFC 2971). Whether the server likes our name does not matter.
void SendId(Connection* connection) {
  connection->SendAside(PlainCommand(connection->NextTag(), "ID (\"name\" \"mailhaul\")"));
}

// Listing folders needs no introduction, except where it decides how their names are encoded, or
// where the server turns strangers away.
bool IntroducesEarly(const Capabilities& capabilities, const SessionOptions& options) {
  return options.id_before_select || capabilities.Has("UTF8=ACCEPT");
}

const KnownServer kNothingKnown;

// One conversation up to the login.
class Opening final {
 public:
  Opening(Dialer& dialer, ServerAddress server, Credentials credentials,
          const SessionOptions& options)
      : dialer_(dialer),
        server_(std::move(server)),
        credentials_(std::move(credentials)),
        options_(options),
        remembered_(options.remembered != nullptr ? *options.remembered : kNothingKnown) {}

  net::Task<Result<LoggedIn>> Run(std::unique_ptr<net::Stream> stream);

 private:
  net::Task<Status> Converse();
  // Greeting and STARTTLS: what is offered before the login, if that is known.
  net::Task<Status> Begin();
  net::Task<Status> LogIn();
  // With all that a check of an unchanged mailbox needs, in one write.
  net::Task<Result<Response>> LogInAndList(Authentication* authentication, EncodedCommand login,
                                           UntaggedHandler* handler);
  void Remember();
  void IntroduceEarly(const Capabilities& capabilities) {
    if (IntroducesEarly(capabilities, options_)) {
      Introduce(capabilities, options_, result_.connection.get());
      result_.introduced = true;
    }
  }
  Random& random() { return options_.random != nullptr ? *options_.random : system_random_; }
  Capabilities Usable(std::span<const std::string> names) const {
    Capabilities capabilities({names.begin(), names.end()});
    capabilities.Remove(options_.broken);
    return capabilities;
  }

  Dialer& dialer_;
  const ServerAddress server_;
  const Credentials credentials_;
  const SessionOptions& options_;
  const KnownServer& remembered_;
  SystemRandom system_random_;
  LoggedIn result_;
  bool preauthenticated_ = false;
  std::vector<std::string> before_login_;  // As offered.
  std::vector<std::string> after_login_;
};

net::Task<Result<LoggedIn>> Opening::Run(std::unique_ptr<net::Stream> stream) {
  result_.connection = std::make_unique<Connection>(std::move(stream), options_.command_timeout);
  const Status opened = co_await Converse();
  if (!opened.ok()) {
    if (result_.connection != nullptr) {
      co_await result_.connection->Close();
    }
    co_return opened;
  }
  co_return std::move(result_);
}

net::Task<Status> Opening::Converse() {
  // One deadline for all of it: a server cannot drag out a login byte by byte. The handshake after
  // STARTTLS has the dialer's own.
  const TimePoint deadline = net::Loop::Current()->Now() + options_.command_timeout;
  result_.connection->SetOverallDeadline(deadline);
  CO_RETURN_IF_ERROR(Begin());
  result_.connection->SetOverallDeadline(deadline);
  if (!preauthenticated_) {
    CO_RETURN_IF_ERROR(LogIn());
  }
  if (after_login_.empty()) {
    CO_TRY(const Capabilities told, AskCapabilities(*result_.connection));
    after_login_ = told.names();
  }
  result_.capabilities = Usable(after_login_);
  if (result_.list_tag.empty() && result_.status_tags.empty()) {
    IntroduceEarly(result_.capabilities);
  }
  Remember();
  result_.connection->SetOverallDeadline(TimePoint::max());
  co_return Status::Ok();
}

void Opening::Remember() {
  if (options_.learned == nullptr) {
    return;
  }
  KnownServer known{before_login_, after_login_};
  *options_.learned = known == remembered_ && options_.remembered != nullptr
                          ? options_.remembered
                          : std::make_shared<const KnownServer>(std::move(known));
}

net::Task<Status> Opening::Begin() {
  CO_TRY(Greeting greeting, ReadGreeting(*result_.connection));
  preauthenticated_ = greeting.preauthenticated;
  before_login_ = greeting.capabilities.names();
  if (server_.security == Security::kStartTls) {
    before_login_.clear();
    CO_RETURN_IF_ERROR(StartTls(dialer_, server_, std::move(greeting), options_.command_timeout,
                                &result_.connection));
  }
  if (preauthenticated_) {
    after_login_ = before_login_;
  }
  co_return Status::Ok();
}

net::Task<Status> Opening::LogIn() {
  if (before_login_.empty()) {
    before_login_ = remembered_.before_login;
  }
  if (before_login_.empty()) {
    CO_TRY(const Capabilities told, AskCapabilities(*result_.connection));
    before_login_ = told.names();
  }
  sasl::MechanismContext context;
  context.host = server_.host;
  context.port = server_.port;
  context.secure = result_.connection->secure() || server_.security == Security::kPlaintext;
  context.channel_binding = result_.connection->channel_binding();
  Result<Authentication> authentication =
      Authentication::Choose(Usable(before_login_), credentials_, context, random());
  if (!authentication.ok()) {
    co_return authentication.status();
  }
  CapabilityCollector collector;
  std::optional<EncodedCommand> line;
  if (!remembered_.after_login.empty()) {
    line = authentication->OneLine(result_.connection->NextTag());
  }
  Response done;
  if (line.has_value()) {
    CO_TRY(done, LogInAndList(&*authentication, *std::move(line), &collector));
  } else {
    CO_TRY(done, authentication->Run(*result_.connection, collector));
  }
  collector.Note(done);
  after_login_ = collector.Take().names();
  if (after_login_.empty()) {
    after_login_ = remembered_.after_login;
  }
  co_return Status::Ok();
}

net::Task<Result<Response>> Opening::LogInAndList(Authentication* authentication,
                                                  EncodedCommand login, UntaggedHandler* handler) {
  Connection& connection = *result_.connection;
  const Capabilities capabilities = Usable(remembered_.after_login);
  std::string tag = login.tag;
  connection.Append(std::move(login));
  IntroduceEarly(capabilities);
  if (options_.folders != nullptr) {
    result_.status_tags = AppendStatuses(&connection, capabilities, *options_.folders);
  }
  if (result_.status_tags.empty()) {
    result_.list_tag = AppendList(&connection, capabilities);
  } else if (options_.leave_unless_news) {
    result_.logout_tag = AppendLogout(&connection);
  }
  CO_RETURN_IF_ERROR(connection.Write(""));
  co_return co_await authentication->Verdict(connection, std::move(tag), *handler);
}

}  // namespace

void Introduce(const Capabilities& capabilities, const SessionOptions& options,
               Connection* connection) {
  if (capabilities.Has("ID") || options.id_before_select) {
    SendId(connection);
  }
  const std::array<const char*, 3> wanted = {"QRESYNC", "CONDSTORE", "UTF8=ACCEPT"};
  std::vector<std::string> names;
  for (const char* name : wanted) {
    if (capabilities.Has(name)) {
      names.emplace_back(name);
    }
  }
  if (capabilities.Has("ENABLE") && !names.empty()) {
    connection->Enable(std::move(names));
  }
}

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

net::Task<Result<LoggedIn>> Establish(Dialer& dialer, ServerAddress server, Credentials credentials,
                                      std::optional<net::IpAddress> egress,
                                      const SessionOptions& options) {
  CO_TRY(std::unique_ptr<net::Stream> stream, dialer.Dial(server, egress));
  if (server.security == Security::kTls && !stream->secure()) {
    co_await stream->Close();
    co_return Status(Code::kTlsFailed, "the connection has no verified TLS");
  }
  Opening opening(dialer, std::move(server), std::move(credentials), options);
  co_return co_await opening.Run(std::move(stream));
}

}  // namespace mailhaul::imap
