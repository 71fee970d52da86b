#include "base/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace mailhaul {

std::string Base64Encode(std::string_view bytes) {
  constexpr size_t kChunkBytes = size_t{3} << 20;  // A multiple of 3; OpenSSL counts in int.
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4 + 1);
  while (!bytes.empty()) {
    const std::string_view chunk = bytes.substr(0, kChunkBytes);
    bytes.remove_prefix(chunk.size());
    const size_t begin = text.size();
    text.resize(begin + (chunk.size() + 2) / 3 * 4 + 1);
    const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data() + begin),
                                        reinterpret_cast<const unsigned char*>(chunk.data()),
                                        static_cast<int>(chunk.size()));
    text.resize(begin + static_cast<size_t>(written));
  }
  return text;
}

}  // namespace mailhaul
