#include "connectors/pop3/unique_key.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "connectors/pop3/apop.h"

namespace mailhaul::pop3 {

KeyHasher::KeyHasher() : context_(EVP_MD_CTX_new()) { MH_CHECK(context_ != nullptr); }

KeyHasher::~KeyHasher() { EVP_MD_CTX_free(context_); }

void KeyHasher::Begin(KeyKind kind) {
  MH_CHECK(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
  const auto byte = static_cast<char>(kind);
  AddBytes(std::string_view(&byte, 1));
}

void KeyHasher::AddNumber(uint64_t number) {
  std::array<char, 8> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(number >> (8 * (bytes.size() - 1 - i)));
  }
  AddBytes(std::string_view(bytes.data(), bytes.size()));
}

void KeyHasher::AddText(std::string_view text) {
  AddNumber(text.size());
  AddBytes(text);
}

void KeyHasher::AddBytes(std::string_view bytes) {
  MH_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

UidlKey KeyHasher::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  MH_CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  UidlKey key;
  std::copy_n(digest.begin(), key.size(), key.begin());
  return key;
}

std::string ApopDigest(std::string_view timestamp, std::string_view password) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int bytes = 0;
  const bool done = context != nullptr && EVP_DigestInit_ex(context, EVP_md5(), nullptr) == 1 &&
                    EVP_DigestUpdate(context, timestamp.data(), timestamp.size()) == 1 &&
                    EVP_DigestUpdate(context, password.data(), password.size()) == 1 &&
                    EVP_DigestFinal_ex(context, digest.data(), &bytes) == 1;
  EVP_MD_CTX_free(context);
  MH_CHECK(done);
  return HexEncode(std::string_view(reinterpret_cast<const char*>(digest.data()), bytes));
}

}  // namespace mailhaul::pop3
