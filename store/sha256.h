// SHA-256 of bytes that arrive in parts. One thread at a time.
#pragma once

#include <string_view>

#include "store/blob_store.h"

struct evp_md_ctx_st;

namespace mailhaul::store {

class Sha256Hasher final {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;

  void Restart();
  void Update(std::string_view bytes);
  Sha256 Finish();  // Restart() before the next Update().

 private:
  evp_md_ctx_st* context_;
};

}  // namespace mailhaul::store
