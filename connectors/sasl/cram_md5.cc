#include "connectors/sasl/cram_md5.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/text.h"
#include "connectors/sasl/secret_text.h"
#include "connectors/sasl/step.h"

namespace mailhaul::sasl {
namespace {

constexpr size_t kMd5Bytes = 16;

// Nothing when OpenSSL was configured without MD5.
std::optional<std::string> HexHmacMd5(std::string_view key, std::string_view text) {
  std::array<unsigned char, kMd5Bytes> digest{};
  unsigned int size = 0;
  if (HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
           &size) == nullptr) {
    return std::nullopt;
  }
  return HexEncode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

class CramMd5 final : public Mechanism {
 public:
  explicit CramMd5(const Credentials& credentials)
      : username_(credentials.username), password_(credentials.password) {}

  std::string_view name() const override { return "CRAM-MD5"; }
  bool client_first() const override { return false; }

  Result<Secret> Respond(std::string_view challenge) override {
    // An empty challenge is the same for everybody: what a false server would collect.
    if (sent_ || challenge.empty() || challenge.size() > kChallengeBytesMax) {
      return UnexpectedChallenge(name(), challenge);
    }
    const std::optional<std::string> digest = HexHmacMd5(password_.Reveal(), challenge);
    if (!digest.has_value()) {
      return Status(Code::kInternal, "CRAM-MD5: OpenSSL does not provide MD5");
    }
    sent_ = true;
    return Concatenate({username_, " ", *digest});
  }

  Status Finish() override { return sent_ ? Status::Ok() : EarlySuccess(name()); }

 private:
  const std::string username_;
  const Secret password_;
  bool sent_ = false;
};

}  // namespace

std::unique_ptr<Mechanism> MakeCramMd5(const Credentials& credentials) {
  return std::make_unique<CramMd5>(credentials);
}

}  // namespace mailhaul::sasl
