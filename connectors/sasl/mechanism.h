// Client side of SASL (RFC 4422) without I/O: challenges in, responses out. IMAP, POP3 and SMTP
// frame the same mechanisms (AUTHENTICATE, AUTH) and encode what passes here in base64.
//
// A secret leaves only as the answer to the step that asks for it: Respond() is called once for
// each challenge the server sent (for a mechanism where the client speaks first, once before, with
// an empty challenge, whatever prose the server put there), and fails when the mechanism expects no
// more. After a failure of Respond() the exchange is over: close the connection, or cancel with
// "*".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "connectors/connector.h"
#include "connectors/net/stream.h"

namespace mailhaul::sasl {

inline constexpr size_t kChallengeBytesMax = 16 * 1024;  // Decoded; a longer one is kProtocol.
inline constexpr size_t kStepsMax = 10;                  // More than any mechanism here answers.

class Mechanism {
 public:
  virtual ~Mechanism() = default;

  virtual std::string_view name() const = 0;  // "SCRAM-SHA-256-PLUS"
  // Whether the first message is the client's: it may go with the command (SASL-IR, RFC 4959). It
  // is never empty.
  virtual bool client_first() const = 0;
  // The response to the decoded `challenge`; may be empty. kProtocol when the server asks for
  // something else than the mechanism's next step, kAuthFailed when it proves not to know the
  // password (SCRAM). SCRAM's second step costs CPU time: a millisecond, a third of a second for
  // the greatest number of iterations that is accepted.
  virtual Result<Secret> Respond(std::string_view challenge) = 0;
  // The server reported success: kAuthFailed unless the mechanism has run to its end (a SCRAM
  // server that says OK without having shown its signature is an impostor).
  virtual Status Finish() = 0;
  // The server reported failure, which the caller has classified as `refusal`: the same with what
  // the mechanism was told about the reason (XOAUTH2 and OAUTHBEARER servers explain a refused
  // token in a last challenge).
  virtual Status Refused(const Status& refusal) const { return refusal; }
};

struct MechanismContext {
  std::string host;  // For OAUTHBEARER.
  uint16_t port = 0;
  bool secure = false;  // TLS, verified, or a plaintext connection that was asked for explicitly.
  std::optional<net::ChannelBinding> channel_binding;
};

// The best of the `offered` names (in any case) that `credentials` can serve: XOAUTH2, OAUTHBEARER
// when there is an access token, else SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN, and CRAM-MD5
// only with allow_cram_md5. Without `secure` only those that do not show the secret. kServerRefused
// names what was offered when nothing fits; kInvalidArgument when user name, password or token are
// empty or hold what cannot be sent (NUL). `random` must outlive the call.
Result<std::unique_ptr<Mechanism>> ChooseMechanism(std::span<const std::string> offered,
                                                   const Credentials& credentials,
                                                   const MechanismContext& context, Random& random);

// What stands on the wire: base64 of a challenge or response. kProtocol for what is not base64 or
// too long. Of a mechanism where the client speaks first, the first challenge is not decoded.
Result<std::string> DecodeChallenge(std::string_view base64);
Secret EncodeResponse(const Secret& response);

}  // namespace mailhaul::sasl
