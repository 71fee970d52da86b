// Secrets at rest: AES-256-GCM (NIST SP 800-38D) under a master key that is not in the store.
//
// What is sealed is bound to the name it is stored under, so that rows cannot be exchanged. Byte
// layout: README.md. Immutable: any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace mailhaul::store {

inline constexpr size_t kMasterKeyBytes = 32;

// Whether it has the form of something sealed, with whatever key.
bool IsSealed(std::string_view bytes);

class SecretBox final {
 public:
  // kInvalidArgument: not kMasterKeyBytes long.
  static Result<SecretBox> FromKey(Secret key);

  // A fresh nonce from `random`: no two calls may ever get the same, under one key.
  std::string Seal(std::string_view name, std::string_view secret, Random& random) const;
  // kNotFound: sealed with another key; kCorrupt: not sealed under this name, or damaged.
  Result<Secret> Open(std::string_view name, std::string_view sealed) const;
  bool IsSealedWithThis(std::string_view sealed) const;

 private:
  SecretBox(Secret key, std::string key_id) : key_(std::move(key)), key_id_(std::move(key_id)) {}

  Secret key_;
  std::string key_id_;  // Tells keys apart, and nothing else of them.
};

}  // namespace mailhaul::store
