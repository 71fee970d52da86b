#include "engine/search/deflate.h"

#include <zlib.h>

namespace mailhaul::search {
namespace {

// The size of the text comes first, in four bytes.
constexpr size_t kSizeBytes = 4;
constexpr int kLevel = 1;

}  // namespace

Result<std::string> Deflate(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string packed(kSizeBytes + size, '\0');
  for (size_t i = 0; i < kSizeBytes; ++i) {
    packed[i] = static_cast<char>((text.size() >> (8 * i)) & 255);
  }
  auto* const out = reinterpret_cast<Bytef*>(packed.data() + kSizeBytes);
  const auto* const in = reinterpret_cast<const Bytef*>(text.data());
  if (compress2(out, &size, in, text.size(), kLevel) != Z_OK) {
    return Status(Code::kResourceExhausted, "no memory to compress the words of a message");
  }
  packed.resize(kSizeBytes + size);
  return packed;
}

Result<std::string> Inflate(std::string_view packed, size_t bytes_max) {
  const Status damaged(Code::kCorrupt, "the words of a message are damaged");
  if (packed.size() < kSizeBytes) {
    return damaged;
  }
  size_t size = 0;
  for (size_t i = 0; i < kSizeBytes; ++i) {
    size |= static_cast<size_t>(static_cast<unsigned char>(packed[i])) << (8 * i);
  }
  if (size > bytes_max) {
    return damaged;
  }
  std::string text(size, '\0');
  uLongf got = size;
  packed.remove_prefix(kSizeBytes);
  const auto* const in = reinterpret_cast<const Bytef*>(packed.data());
  if (uncompress(reinterpret_cast<Bytef*>(text.data()), &got, in, packed.size()) != Z_OK ||
      got != size) {
    return damaged;
  }
  return text;
}

}  // namespace mailhaul::search
