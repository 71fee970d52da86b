#include "store/secret_box.h"

#include <openssl/evp.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "store/sha256.h"

namespace mailhaul::store {
namespace {

constexpr char kVersion = 1;
constexpr size_t kKeyIdBytes = 8;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kPrefixBytes = 1 + kKeyIdBytes + kNonceBytes;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Ready for the text: key, nonce and name are in.
Context Begin(bool seal, const Secret& key, std::string_view nonce, std::string_view name) {
  Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  MH_CHECK(context != nullptr &&
           EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(key.Reveal()),
                             Bytes(nonce), seal ? 1 : 0) == 1 &&
           EVP_CipherUpdate(context.get(), nullptr, &length, Bytes(name),
                            static_cast<int>(name.size())) == 1);
  return context;
}

}  // namespace

bool IsSealed(std::string_view bytes) {
  return bytes.size() >= kPrefixBytes + kTagBytes && bytes.front() == kVersion;
}

Result<SecretBox> SecretBox::FromKey(Secret key) {
  if (key.Reveal().size() != kMasterKeyBytes) {
    return Status(Code::kInvalidArgument,
                  "a master key has " + std::to_string(kMasterKeyBytes) + " bytes");
  }
  Sha256Hasher hasher;
  hasher.Update("mailhaul master key id");
  hasher.Update(key.Reveal());
  const Sha256 digest = hasher.Finish();
  return SecretBox(std::move(key), std::string(digest.begin(), digest.begin() + kKeyIdBytes));
}

std::string SecretBox::Seal(std::string_view name, std::string_view secret, Random& random) const {
  std::array<unsigned char, kNonceBytes> nonce;
  random.Fill(nonce);
  std::string sealed(1, kVersion);
  sealed += key_id_;
  sealed.append(nonce.begin(), nonce.end());
  const Context context = Begin(true, key_, std::string_view(sealed).substr(1 + kKeyIdBytes), name);
  sealed.resize(kPrefixBytes + secret.size() + kTagBytes);
  unsigned char* const text = Bytes(sealed) + kPrefixBytes;
  int length = 0;
  int last = 0;
  MH_CHECK(EVP_CipherUpdate(context.get(), text, &length, Bytes(secret),
                            static_cast<int>(secret.size())) == 1 &&
           EVP_CipherFinal_ex(context.get(), text + length, &last) == 1 &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                               text + secret.size()) == 1);
  return sealed;
}

bool SecretBox::IsSealedWithThis(std::string_view sealed) const {
  return sealed.size() >= kPrefixBytes && sealed.substr(1, kKeyIdBytes) == key_id_;
}

Result<Secret> SecretBox::Open(std::string_view name, std::string_view sealed) const {
  if (!IsSealed(sealed)) {
    return Status(Code::kCorrupt, "a sealed secret is damaged");
  }
  if (!IsSealedWithThis(sealed)) {
    return Status(Code::kNotFound, "a secret is sealed with another master key");
  }
  const Context context = Begin(false, key_, sealed.substr(1 + kKeyIdBytes, kNonceBytes), name);
  const std::string_view text =
      sealed.substr(kPrefixBytes, sealed.size() - kPrefixBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string secret(text.size(), '\0');
  int length = 0;
  int last = 0;
  const bool good =
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_CipherUpdate(context.get(), Bytes(secret), &length, Bytes(text),
                       static_cast<int>(text.size())) == 1 &&
      EVP_CipherFinal_ex(context.get(), Bytes(secret) + length, &last) == 1;
  Secret opened(std::move(secret));  // Wiped, too, when it is no good.
  if (!good) {
    return Status(Code::kCorrupt, "a sealed secret is damaged");
  }
  return opened;
}

}  // namespace mailhaul::store
