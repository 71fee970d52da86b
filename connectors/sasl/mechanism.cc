#include "connectors/sasl/mechanism.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "connectors/sasl/cram_md5.h"
#include "connectors/sasl/login.h"
#include "connectors/sasl/oauthbearer.h"
#include "connectors/sasl/plain.h"
#include "connectors/sasl/saslprep.h"
#include "connectors/sasl/scram.h"
#include "connectors/sasl/xoauth2.h"

namespace mailhaul::sasl {
namespace {

constexpr size_t kNamesShownMax = 20;
constexpr size_t kNameShownBytesMax = 40;

enum class Kind : uint8_t { kXoauth2, kOauthBearer, kScramPlus, kScram, kPlain, kLogin, kCramMd5 };

struct Candidate {
  std::string_view name;
  Kind kind;
  bool for_token;     // Serves an access token; else a password.
  bool shows_secret;  // Whoever listens, or is the server, learns it.
};

constexpr std::array<Candidate, 7> kBestFirst = {{
    {"XOAUTH2", Kind::kXoauth2, true, true},
    {"OAUTHBEARER", Kind::kOauthBearer, true, true},
    {"SCRAM-SHA-256-PLUS", Kind::kScramPlus, false, false},
    {"SCRAM-SHA-256", Kind::kScram, false, false},
    {"PLAIN", Kind::kPlain, false, true},
    {"LOGIN", Kind::kLogin, false, true},
    {"CRAM-MD5", Kind::kCramMd5, false, false},
}};

struct Request {
  std::span<const std::string> offered;
  const Credentials& credentials;
  const MechanismContext& context;
  bool has_token;
  bool prepared;  // User name and password can go through SCRAM.
};

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Status CheckCredentials(const Credentials& credentials) {
  const bool has_token = !credentials.access_token.empty();
  const Secret& secret = has_token ? credentials.access_token : credentials.password;
  if (credentials.username.empty() || secret.empty()) {
    return {Code::kInvalidArgument, "the user name, or the password or access token, is empty"};
  }
  if (credentials.username.find('\0') != std::string::npos ||
      secret.Reveal().find('\0') != std::string_view::npos) {
    return {Code::kInvalidArgument, "the user name or password contains NUL"};
  }
  if (has_token && (HasControl(credentials.username) || HasControl(secret.Reveal()))) {
    return {Code::kInvalidArgument, "the user name or access token contains control characters"};
  }
  return {};
}

bool Offers(std::span<const std::string> offered, std::string_view name) {
  return std::any_of(offered.begin(), offered.end(),
                     [&](const std::string& one) { return EqualsIgnoreCase(one, name); });
}

bool Fits(const Candidate& candidate, const Request& request) {
  if (candidate.for_token != request.has_token ||
      (candidate.shows_secret && !request.context.secure) ||
      !Offers(request.offered, candidate.name)) {
    return false;
  }
  switch (candidate.kind) {
    case Kind::kScramPlus:
      return request.prepared && request.context.channel_binding.has_value();
    case Kind::kScram:
      return request.prepared;
    case Kind::kCramMd5:
      return request.credentials.allow_cram_md5;
    default:
      return true;
  }
}

std::unique_ptr<Mechanism> Make(Kind kind, const Request& request, Random& random) {
  const Credentials& credentials = request.credentials;
  switch (kind) {
    case Kind::kXoauth2:
      return MakeXoauth2(credentials);
    case Kind::kOauthBearer:
      return MakeOauthBearer(credentials, request.context);
    case Kind::kPlain:
      return MakePlain(credentials);
    case Kind::kLogin:
      return MakeLogin(credentials);
    case Kind::kCramMd5:
      return MakeCramMd5(credentials);
    case Kind::kScramPlus:
    case Kind::kScram:
      break;
  }
  ScramOptions options;
  options.username = credentials.username;
  options.password = credentials.password;
  options.client_nonce = MakeScramNonce(random);
  options.channel_binding = request.context.channel_binding;
  options.plus = kind == Kind::kScramPlus;
  return MakeScramSha256(std::move(options));
}

// "PLAIN, LOGIN".
std::string NamesOf(std::span<const std::string> offered) {
  std::string names;
  for (size_t i = 0; i < std::min(offered.size(), kNamesShownMax); ++i) {
    names += (i == 0 ? "" : ", ") + EscapeForLog(offered[i], kNameShownBytesMax);
  }
  return names.empty() ? "nothing" : names;
}

Status NothingFits(const Request& request) {
  std::string reason =
      "the server offers no login that can be used here: it offers " + NamesOf(request.offered);
  const auto needs = [&](bool for_token, bool shows) {
    return std::any_of(kBestFirst.begin(), kBestFirst.end(), [&](const Candidate& candidate) {
      return candidate.for_token == for_token && candidate.shows_secret == shows &&
             Offers(request.offered, candidate.name);
    });
  };
  if (!request.context.secure && needs(request.has_token, true)) {
    reason += "; not without TLS: set security: tls or starttls";
  } else if (!request.has_token && Offers(request.offered, "SCRAM-SHA-256") && !request.prepared) {
    return {Code::kInvalidArgument,
            reason +
                "; the user name or password has characters that SCRAM cannot take here: use "
                "printable ASCII or composed letters"};
  } else if (!request.has_token && Offers(request.offered, "CRAM-MD5")) {
    reason += "; CRAM-MD5 only when it is allowed explicitly, since it exposes the password";
  } else if (!request.has_token && (needs(true, true))) {
    reason += "; it wants OAuth 2.0: configure oauth2 for this mailbox";
  }
  return {Code::kServerRefused, reason};
}

}  // namespace

Result<std::unique_ptr<Mechanism>> ChooseMechanism(std::span<const std::string> offered,
                                                   const Credentials& credentials,
                                                   const MechanismContext& context,
                                                   Random& random) {
  MH_RETURN_IF_ERROR(CheckCredentials(credentials));
  const Request request{.offered = offered,
                        .credentials = credentials,
                        .context = context,
                        .has_token = !credentials.access_token.empty(),
                        .prepared = IsSaslPrepared(credentials.username) &&
                                    IsSaslPrepared(credentials.password.Reveal())};
  for (const Candidate& candidate : kBestFirst) {
    if (Fits(candidate, request)) {
      return Make(candidate.kind, request, random);
    }
  }
  return NothingFits(request);
}

Result<std::string> DecodeChallenge(std::string_view base64) {
  std::optional<std::string> challenge;
  if (base64.size() <= (kChallengeBytesMax + 2) / 3 * 4) {
    challenge = Base64Decode(base64);
  }
  if (!challenge.has_value() || challenge->size() > kChallengeBytesMax) {
    return Status(Code::kProtocol, "the server's challenge is not base64, or too long: \"" +
                                       EscapeForLog(base64, kNameShownBytesMax) + "\"");
  }
  return std::move(*challenge);
}

Secret EncodeResponse(const Secret& response) { return Secret(Base64Encode(response.Reveal())); }

}  // namespace mailhaul::sasl
