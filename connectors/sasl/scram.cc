#include "connectors/sasl/scram.h"

#include <array>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "connectors/sasl/scram_keys.h"
#include "connectors/sasl/scram_message.h"
#include "connectors/sasl/secret_text.h"
#include "connectors/sasl/step.h"

namespace mailhaul::sasl {
namespace {

constexpr size_t kNonceRandomBytes = 18;  // 24 characters of base64.

std::string Gs2Header(const ScramOptions& options) {
  if (options.plus) {
    MH_CHECK(options.channel_binding.has_value());
    return "p=" + options.channel_binding->type + ",,";
  }
  return options.channel_binding.has_value() ? "y,," : "n,,";
}

class ScramSha256 final : public Mechanism {
 public:
  explicit ScramSha256(ScramOptions options)
      : options_(std::move(options)),
        gs2_header_(Gs2Header(options_)),
        client_first_bare_("n=" + EscapeSaslName(options_.username) +
                           ",r=" + options_.client_nonce) {}

  std::string_view name() const override {
    return options_.plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256";
  }
  bool client_first() const override { return true; }

  Result<Secret> Respond(std::string_view challenge) override {
    const State state = std::exchange(state_, State::kFailed);
    if (challenge.size() > kChallengeBytesMax) {
      return UnexpectedChallenge(name(), challenge);
    }
    switch (state) {
      case State::kStart:
        if (!challenge.empty()) {
          break;
        }
        state_ = State::kFirstSent;
        return Concatenate({gs2_header_, client_first_bare_});
      case State::kFirstSent:
        return AnswerServerFirst(challenge);
      case State::kProofSent:
        return CheckServerFinal(challenge);
      case State::kVerified:
      case State::kFailed:
        break;
    }
    return UnexpectedChallenge(name(), challenge);
  }

  Status Finish() override {
    return state_ == State::kVerified ? Status::Ok() : EarlySuccess(name());
  }

 private:
  // kStart -> kFirstSent -> kProofSent -> kVerified; from each to kFailed, which is final.
  enum class State : uint8_t { kStart, kFirstSent, kProofSent, kVerified, kFailed };

  Result<Secret> AnswerServerFirst(std::string_view challenge) {
    MH_ASSIGN_OR_RETURN(const ServerFirst first,
                        ParseServerFirst(challenge, options_.client_nonce));
    std::string binding = gs2_header_;
    if (options_.plus) {
      binding += options_.channel_binding->data;
    }
    const std::string without_proof = "c=" + Base64Encode(binding) + ",r=" + first.nonce;
    const std::string auth_message =
        client_first_bare_ + "," + std::string(challenge) + "," + without_proof;
    MH_ASSIGN_OR_RETURN(ScramProof proof,
                        ComputeScramProof(options_.password, first, auth_message));
    server_signature_ = std::move(proof.server_signature);
    state_ = State::kProofSent;
    return Concatenate({without_proof, ",p=", Base64Encode(proof.client_proof.Reveal())});
  }

  Result<Secret> CheckServerFinal(std::string_view challenge) {
    MH_ASSIGN_OR_RETURN(const std::string signature, ParseServerFinal(challenge));
    if (!server_signature_.EqualsInConstantTime(signature)) {
      return Status(Code::kAuthFailed,
                    "SCRAM: the server's signature is wrong: it does not know the password, and "
                    "may not be the server it seems to be");
    }
    state_ = State::kVerified;
    return Secret();
  }

  const ScramOptions options_;
  const std::string gs2_header_;
  const std::string client_first_bare_;
  Secret server_signature_;
  State state_ = State::kStart;
};

}  // namespace

std::unique_ptr<Mechanism> MakeScramSha256(ScramOptions options) {
  return std::make_unique<ScramSha256>(std::move(options));
}

std::string MakeScramNonce(Random& random) {
  std::array<unsigned char, kNonceRandomBytes> bytes{};
  random.Fill(bytes);
  return Base64Encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace mailhaul::sasl
