// Client side of SASL (RFC 4422) without I/O: challenges in, responses out. IMAP, POP3 and SMTP
// frame the same mechanisms (AUTHENTICATE, AUTH) and encode what passes here in base64.
//
// A secret leaves only as the answer to the step that asks for it: Respond() is called once for
// each challenge the server sent (for a mechanism where the client speaks first, once before, with
// an empty challenge), and fails when the mechanism expects no more.
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
inline constexpr size_t kStepsMax = 10;

class Mechanism {
 public:
  virtual ~Mechanism() = default;

  virtual std::string_view name() const = 0;  // "SCRAM-SHA-256-PLUS"
  // Whether the first message is the client's: it may go with the command (SASL-IR, RFC 4959).
  virtual bool client_first() const = 0;
  // The response to the decoded `challenge`; may be empty. kProtocol when the server asks for
  // something else than the mechanism's next step, kAuthFailed when it proves not to know the
  // password (SCRAM) or explains a refused token (XOAUTH2, OAUTHBEARER).
  virtual Result<Secret> Respond(std::string_view challenge) = 0;
  // The server reported success: kAuthFailed unless the mechanism has run to its end (a SCRAM
  // server that says OK without having shown its signature is an impostor).
  virtual Status Finish() = 0;
};

struct MechanismContext {
  std::string host;  // For OAUTHBEARER.
  uint16_t port = 0;
  bool secure = false;  // TLS, verified, or a plaintext connection that was asked for explicitly.
  std::optional<net::ChannelBinding> channel_binding;
};

// The best of the `offered` names (upper case) that `credentials` can serve: OAuth 2.0 mechanisms
// when there is an access token, else SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN, and CRAM-MD5
// only with allow_cram_md5. kServerRefused names what was offered when nothing fits;
// kInvalidArgument when the user name or password holds NUL. `random` must outlive the mechanism.
Result<std::unique_ptr<Mechanism>> ChooseMechanism(std::span<const std::string> offered,
                                                   const Credentials& credentials,
                                                   const MechanismContext& context, Random& random);

}  // namespace mailhaul::sasl
