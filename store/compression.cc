#include "store/compression.h"

#include <zstd.h>

#include <memory>

namespace mailhaul::store {
namespace {

// Levels 2 to 6 save another half a percent of mail, at up to four times the work.
constexpr int kLevel = 1;
constexpr size_t kSavedShare = 16;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

std::optional<std::string> CompressBody(std::string_view body) {
  if (body.size() > kCompressibleBytesMax) {
    return std::nullopt;
  }
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  const size_t bytes_max = body.size() - body.size() / kSavedShare;
  std::string compressed(bytes_max, '\0');
  if (context == nullptr || bytes_max == body.size()) {
    return std::nullopt;
  }
  const size_t bytes = ZSTD_compressCCtx(context.get(), compressed.data(), compressed.size(),
                                         body.data(), body.size(), kLevel);
  if (ZSTD_isError(bytes) != 0) {
    return std::nullopt;  // There was no room: it would not be small enough.
  }
  compressed.resize(bytes);
  compressed.shrink_to_fit();
  return compressed;
}

Result<std::string> DecompressBody(std::string_view compressed, uint64_t size) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (context == nullptr) {
    return Status(Code::kResourceExhausted, "no memory to decompress a stored body");
  }
  if (size > kCompressibleBytesMax ||
      ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != size) {
    return Status(Code::kCorrupt, "a compressed body is of another size");
  }
  std::string body(size, '\0');
  const size_t bytes = ZSTD_decompressDCtx(context.get(), body.data(), body.size(),
                                           compressed.data(), compressed.size());
  if (ZSTD_isError(bytes) != 0 || bytes != size) {
    return Status(Code::kCorrupt, "a compressed body is damaged");
  }
  return body;
}

}  // namespace mailhaul::store
