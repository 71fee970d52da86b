// Proving who we are: AUTHENTICATE with the mechanisms of connectors/sasl, or LOGIN.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "connectors/imap/capabilities.h"
#include "connectors/imap/connection.h"
#include "connectors/sasl/mechanism.h"

namespace mailhaul::imap {

// One way to log in, chosen and not yet begun.
class Authentication final {
 public:
  // The best that `capabilities` and `credentials` allow: a SASL mechanism, else LOGIN unless
  // LOGINDISABLED. kServerRefused when nothing fits, kInvalidArgument for credentials that cannot
  // be sent. `credentials` must outlive it.
  static Result<Authentication> Choose(const Capabilities& capabilities,
                                       const Credentials& credentials,
                                       const sasl::MechanismContext& context, Random& random);

  // Runs to the server's verdict and gives its last response, which is OK.
  net::Task<Result<Response>> Run(Connection& connection, UntaggedHandler& handler);

  // For a login together with later commands: all of it in one line that needs no answer before
  // the verdict (LOGIN, or a mechanism of one step with SASL-IR); nothing when it needs more.
  std::optional<EncodedCommand> OneLine(std::string tag);
  // The server's verdict on that line.
  net::Task<Result<Response>> Verdict(Connection& connection, std::string tag,
                                      UntaggedHandler& handler);

 private:
  explicit Authentication(const Credentials& credentials) : credentials_(credentials) {}

  net::Task<Result<Response>> Exchange(Connection& connection, std::string tag,
                                       UntaggedHandler& handler);
  // The response to the "+" at hand, as a line.
  Result<Secret> Answer(std::string_view challenge);
  Result<Response> Judge(Response done);

  const Credentials& credentials_;
  LiteralSupport literals_ = LiteralSupport::kSynchronizing;
  bool initial_response_ = false;               // SASL-IR.
  std::unique_ptr<sasl::Mechanism> mechanism_;  // Null: LOGIN.
  bool begun_ = false;                          // The client's first message is sent.
  bool answers_ = true;  // False: what the server asks for has been sent, or replaced, already.
};

}  // namespace mailhaul::imap
