#include "store/sha256.h"

#include <openssl/evp.h>

#include <memory>

#include "base/check.h"

namespace mailhaul::store {
namespace {

// Fetched once: looking an algorithm up takes longer than hashing a small message.
const EVP_MD* Algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  MH_CHECK(kAlgorithm != nullptr);
  return kAlgorithm;
}

}  // namespace

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  MH_CHECK(context_ != nullptr);
  Restart();
}

Sha256Hasher::~Sha256Hasher() { EVP_MD_CTX_free(context_); }

void Sha256Hasher::Restart() { MH_CHECK(EVP_DigestInit_ex2(context_, Algorithm(), nullptr) == 1); }

void Sha256Hasher::Update(std::string_view bytes) {
  MH_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Hasher::Finish() {
  Sha256 digest;
  MH_CHECK(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  return digest;
}

Sha256 ComputeSha256(std::string_view bytes) {
  thread_local Sha256Hasher hasher;
  hasher.Restart();
  hasher.Update(bytes);
  return hasher.Finish();
}

}  // namespace mailhaul::store
