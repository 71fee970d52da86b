#include "connectors/imap/authenticate.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

constexpr std::string_view kAuthPrefix = "AUTH=";
// Mechanisms that say all they have to say in their first message.
constexpr std::array<std::string_view, 3> kOneStep = {"PLAIN", "XOAUTH2", "OAUTHBEARER"};

std::vector<std::string> OfferedMechanisms(const Capabilities& capabilities) {
  std::vector<std::string> mechanisms;
  for (const std::string& name : capabilities.names()) {
    if (name.starts_with(kAuthPrefix)) {
      mechanisms.push_back(name.substr(kAuthPrefix.size()));
    }
  }
  return mechanisms;
}

// No copy of the secret is left behind.
Secret Line(std::string_view begin, const Secret& encoded) {
  std::string line;
  line.reserve(begin.size() + encoded.Reveal().size() + 2);
  line += begin;
  line += encoded.Reveal();
  line += "\r\n";
  return Secret(std::move(line));
}

Result<EncodedCommand> EncodeLogin(std::string tag, LiteralSupport literals,
                                   const Credentials& credentials) {
  CommandEncoder encoder(std::move(tag), literals);
  encoder.Raw("LOGIN").String(credentials.username).String(credentials.password.Reveal());
  return std::move(encoder).Finish();
}

// Servers have been seen to quote the command back.
void WithholdSecrets(const Credentials& credentials, Response* refusal) {
  for (const Secret* secret : {&credentials.password, &credentials.access_token}) {
    const std::string_view text = secret->Reveal();
    if (!text.empty() && (refusal->text.find(text) != std::string::npos ||
                          refusal->code.arguments.find(text) != std::string::npos)) {
      refusal->text = "(text withheld)";
    }
  }
}

Status NothingFits(const Status& why) {
  return {Code::kServerRefused,
          "the server offers neither LOGIN nor a mechanism we know on this connection (" +
              why.message() + "); it may want security: tls or starttls"};
}

}  // namespace

Result<Authentication> Authentication::Choose(const Capabilities& capabilities,
                                              const Credentials& credentials,
                                              const sasl::MechanismContext& context,
                                              Random& random) {
  Authentication chosen(credentials);
  chosen.literals_ = capabilities.literals();
  chosen.initial_response_ = capabilities.Has("SASL-IR");
  Result<std::unique_ptr<sasl::Mechanism>> mechanism =
      sasl::ChooseMechanism(OfferedMechanisms(capabilities), credentials, context, random);
  if (mechanism.ok()) {
    chosen.mechanism_ = std::move(mechanism).value();
    return chosen;
  }
  const bool may_login = mechanism.status().code() == Code::kServerRefused &&
                         credentials.access_token.empty() && context.secure &&
                         !capabilities.Has("LOGINDISABLED");
  if (may_login) {
    return chosen;
  }
  return mechanism.status().code() == Code::kServerRefused ? NothingFits(mechanism.status())
                                                           : mechanism.status();
}

net::Task<Result<Response>> Authentication::Run(Connection& connection, UntaggedHandler& handler) {
  std::string tag = connection.NextTag();
  if (mechanism_ == nullptr) {
    Result<EncodedCommand> command = EncodeLogin(std::move(tag), literals_, credentials_);
    if (!command.ok()) {
      co_return command.status();
    }
    CO_TRY(Response done, connection.Run(std::move(*command), handler));
    co_return Judge(std::move(done));
  }
  const std::string begin = tag + " AUTHENTICATE " + std::string(mechanism_->name());
  Secret line(begin + "\r\n");
  if (mechanism_->client_first() && initial_response_) {
    Result<Secret> response = mechanism_->Respond("");
    if (!response.ok()) {
      co_return response.status();
    }
    begun_ = true;
    line = Line(begin + " ", sasl::EncodeResponse(*response));
  }
  CO_RETURN_IF_ERROR(connection.Write(line.Reveal()));
  co_return co_await Exchange(connection, std::move(tag), handler);
}

std::optional<EncodedCommand> Authentication::OneLine(std::string tag) {
  EncodedCommand command;
  if (mechanism_ == nullptr) {
    Result<EncodedCommand> login = EncodeLogin(std::move(tag), literals_, credentials_);
    if (!login.ok() || login->parts.size() != 1) {
      return std::nullopt;
    }
    command = std::move(login).value();
  } else {
    const bool one_step = initial_response_ && std::find(kOneStep.begin(), kOneStep.end(),
                                                         mechanism_->name()) != kOneStep.end();
    if (!one_step) {
      return std::nullopt;
    }
    const Result<Secret> response = mechanism_->Respond("");
    if (!response.ok()) {
      return std::nullopt;
    }
    const std::string begin = tag + " AUTHENTICATE " + std::string(mechanism_->name()) + " ";
    command.parts.emplace_back(Line(begin, sasl::EncodeResponse(*response)).Reveal());
    command.tag = std::move(tag);
  }
  begun_ = true;
  answers_ = false;  // The commands behind it stand where an answer would.
  return command;
}

net::Task<Result<Response>> Authentication::Verdict(Connection& connection, std::string tag,
                                                    UntaggedHandler& handler) {
  return Exchange(connection, std::move(tag), handler);
}

Result<Secret> Authentication::Answer(std::string_view challenge) {
  std::string decoded;
  if (begun_ || !mechanism_->client_first()) {
    MH_ASSIGN_OR_RETURN(decoded, sasl::DecodeChallenge(challenge));
  }
  begun_ = true;
  return mechanism_->Respond(decoded);
}

net::Task<Result<Response>> Authentication::Exchange(Connection& connection, std::string tag,
                                                     UntaggedHandler& handler) {
  Status cancelled;
  for (size_t step = 0;;) {
    const Result<ResponseParser::Event> event = co_await connection.Next();
    if (!event.ok()) {
      co_return cancelled.ok() ? event.status() : cancelled;
    }
    const Response& response = connection.response();
    if (*event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(connection.SkipBody());
    } else if (response.kind == ResponseKind::kTagged) {
      if (response.tag != tag) {
        co_return Status(Code::kProtocol, "the server answered a command that was never sent: " +
                                              EscapeForLog(response.tag, 20));
      }
      if (!cancelled.ok()) {
        co_return cancelled;
      }
      co_return Judge(response);
    } else if (response.kind == ResponseKind::kContinuation) {
      if (++step > sasl::kStepsMax || !cancelled.ok() || mechanism_ == nullptr) {
        co_return UnexpectedContinuation();
      }
      const Result<Secret> answer = Answer(response.text);
      if (!answer.ok()) {
        cancelled = answer.status();
      }
      if (answers_) {
        const Secret line = answer.ok() ? Line("", sasl::EncodeResponse(*answer)) : Secret("*\r\n");
        CO_RETURN_IF_ERROR(connection.Write(line.Reveal()));
      }
    } else {
      Status handled = handler.OnUntagged(response);
      if (!handled.ok()) {
        co_return handled;
      }
    }
  }
}

Result<Response> Authentication::Judge(Response done) {
  if (done.condition == Condition::kOk) {
    const Status finished = mechanism_ == nullptr ? Status::Ok() : mechanism_->Finish();
    if (!finished.ok()) {
      return finished;
    }
    return done;
  }
  WithholdSecrets(credentials_, &done);
  const std::string what =
      mechanism_ == nullptr ? "LOGIN" : "AUTHENTICATE " + std::string(mechanism_->name());
  const Status refusal = ClassifyLoginRefusal(done, what);
  return mechanism_ == nullptr ? refusal : mechanism_->Refused(refusal);
}

}  // namespace mailhaul::imap
