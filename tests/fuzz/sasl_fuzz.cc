// SASL mechanisms against a hostile server. The first byte chooses the mechanism, byte 0xFF ends a
// challenge.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/check.h"
#include "connectors/sasl/cram_md5.h"
#include "connectors/sasl/login.h"
#include "connectors/sasl/oauthbearer.h"
#include "connectors/sasl/plain.h"
#include "connectors/sasl/saslprep.h"
#include "connectors/sasl/scram.h"
#include "connectors/sasl/scram_message.h"
#include "connectors/sasl/xoauth2.h"

namespace {

using mailhaul::Result;
using mailhaul::Secret;
using mailhaul::Status;
using mailhaul::sasl::Mechanism;

constexpr std::string_view kNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kToken = "secret-access-token";
constexpr uint32_t kIterationsMax = 5000;  // More would only cost time.
constexpr uint8_t kKinds = 7;

std::unique_ptr<Mechanism> Make(uint8_t kind) {
  mailhaul::Credentials credentials;
  credentials.username = "user";
  credentials.password = Secret("pencil");
  credentials.access_token = Secret(std::string(kToken));
  mailhaul::sasl::MechanismContext context;
  context.host = "imap.example.com";
  switch (kind % kKinds) {
    case 0:
      return mailhaul::sasl::MakePlain(credentials);
    case 1:
      return mailhaul::sasl::MakeLogin(credentials);
    case 2:
      return mailhaul::sasl::MakeCramMd5(credentials);
    case 3:
      return mailhaul::sasl::MakeXoauth2(credentials);
    case 4:
      return mailhaul::sasl::MakeOauthBearer(credentials, context);
    default:
      break;
  }
  mailhaul::sasl::ScramOptions options;
  options.username = credentials.username;
  options.password = credentials.password;
  options.client_nonce = kNonce;
  options.plus = kind % kKinds == 6;
  if (options.plus) {
    options.channel_binding = mailhaul::net::ChannelBinding{.type = "tls-exporter", .data = "x"};
  }
  return mailhaul::sasl::MakeScramSha256(std::move(options));
}

void CheckText(std::string_view text) {
  const auto first = mailhaul::sasl::ParseServerFirst(text, kNonce);
  MH_CHECK(!first.ok() ||
           (first->nonce.starts_with(kNonce) && first->nonce.size() > kNonce.size()));
  static_cast<void>(mailhaul::sasl::ParseServerFinal(text));
  static_cast<void>(mailhaul::sasl::IsSaslPrepared(text));
  const auto decoded = mailhaul::Base64Decode(text);
  MH_CHECK(!decoded || mailhaul::Base64Encode(*decoded) == text);
}

bool IsTooSlow(std::string_view challenge) {
  const auto first = mailhaul::sasl::ParseServerFirst(challenge, kNonce);
  return first.ok() && first->iterations > kIterationsMax;
}

// A server that was sent the token may repeat it; we do not.
void CheckMessage(const Mechanism& mechanism, const Status& status) {
  MH_CHECK(mechanism.name().starts_with("SCRAM") ||
           status.message().find(kToken) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::unique_ptr<Mechanism> mechanism = Make(data[0]);
  const std::string input(data + 1, data + size);
  std::string_view rest(input);
  size_t answered = 0;
  bool failed = false;
  while (!rest.empty() && answered < mailhaul::sasl::kStepsMax) {
    const size_t end = std::min(rest.find('\xFF'), rest.size());
    const std::string_view challenge = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    CheckText(challenge);
    if (IsTooSlow(challenge)) {
      return 0;
    }
    const Result<Secret> response = mechanism->Respond(challenge);
    MH_CHECK(!response.ok() || response->Reveal().size() <= 4096);
    answered += response.ok() ? 1 : 0;
    failed = failed || !response.ok();
    CheckMessage(*mechanism, response.status());
  }
  MH_CHECK(answered <= 3);
  CheckMessage(*mechanism, mechanism->Refused({mailhaul::Code::kServerRefused, "NO"}));
  const bool is_scram = mechanism->name().starts_with("SCRAM");
  if (mechanism->Finish().ok() && is_scram) {
    MH_CHECK(!failed && answered == 3);
  }
  return 0;
}
