#include "connectors/sasl/scram_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string>

namespace mailhaul::sasl {
namespace {

constexpr size_t kSha256Bytes = 32;

// A key, or what leads to one: wiped when it dies.
struct Digest {
  std::array<unsigned char, kSha256Bytes> bytes{};

  Digest() = default;
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  ~Digest() { OPENSSL_cleanse(bytes.data(), bytes.size()); }

  Secret ToSecret() const {
    // Longer than any short string, so that moving it leaves no copy.
    return Secret(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
};

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool Salt(std::string_view password, const ServerFirst& first, Digest* salted) {
  return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), Bytes(first.salt),
                           static_cast<int>(first.salt.size()), static_cast<int>(first.iterations),
                           EVP_sha256(), kSha256Bytes, salted->bytes.data()) == 1;
}

bool Hmac(const Digest& key, std::string_view text, Digest* out) {
  return HMAC(EVP_sha256(), key.bytes.data(), kSha256Bytes, Bytes(text), text.size(),
              out->bytes.data(), nullptr) != nullptr;
}

bool Hash(const Digest& input, Digest* out) {
  return EVP_Digest(input.bytes.data(), kSha256Bytes, out->bytes.data(), nullptr, EVP_sha256(),
                    nullptr) == 1;
}

}  // namespace

Result<ScramProof> ComputeScramProof(const Secret& password, const ServerFirst& first,
                                     std::string_view auth_message) {
  Digest salted;
  Digest client_key;
  Digest stored_key;
  Digest client_signature;
  Digest server_key;
  Digest server_signature;
  if (!Salt(password.Reveal(), first, &salted) || !Hmac(salted, "Client Key", &client_key) ||
      !Hash(client_key, &stored_key) || !Hmac(stored_key, auth_message, &client_signature) ||
      !Hmac(salted, "Server Key", &server_key) ||
      !Hmac(server_key, auth_message, &server_signature)) {
    return Status(Code::kInternal, "SCRAM: OpenSSL failed to compute SHA-256 keys");
  }
  Digest proof;
  for (size_t i = 0; i < kSha256Bytes; ++i) {
    proof.bytes[i] = client_key.bytes[i] ^ client_signature.bytes[i];
  }
  return ScramProof{.client_proof = proof.ToSecret(),
                    .server_signature = server_signature.ToSecret()};
}

}  // namespace mailhaul::sasl
