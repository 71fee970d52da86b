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

// Null: there is no memory.
ZSTD_CCtx* Compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  return context.get();
}

ZSTD_DCtx* Decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  return context.get();
}

}  // namespace

std::optional<std::string> CompressBody(std::string_view body) {
  if (body.size() > kCompressibleBytesMax) {
    return std::nullopt;
  }
  ZSTD_CCtx* const context = Compressor();
  const size_t bytes_max = body.size() - body.size() / kSavedShare;
  std::string compressed(bytes_max, '\0');
  if (context == nullptr || bytes_max == body.size()) {
    return std::nullopt;
  }
  const size_t bytes = ZSTD_compressCCtx(context, compressed.data(), compressed.size(), body.data(),
                                         body.size(), kLevel);
  if (ZSTD_isError(bytes) != 0) {
    return std::nullopt;  // There was no room: it would not be small enough.
  }
  compressed.resize(bytes);
  compressed.shrink_to_fit();
  return compressed;
}

Result<std::string> DecompressBody(std::string_view compressed, uint64_t size) {
  if (size > kCompressibleBytesMax ||
      ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != size) {
    return Status(Code::kCorrupt, "a compressed body is of another size");
  }
  std::string body(size, '\0');
  MH_RETURN_IF_ERROR(DecompressFrame(compressed, body));
  return body;
}

Status AppendFrame(std::string_view bytes, std::string& out) {
  ZSTD_CCtx* const context = Compressor();
  if (context == nullptr) {
    return {Code::kResourceExhausted, "no memory to compress a body"};
  }
  const size_t before = out.size();
  out.resize(before + FrameBound(bytes.size()));
  const size_t count = ZSTD_compressCCtx(context, out.data() + before, out.size() - before,
                                         bytes.data(), bytes.size(), kLevel);
  if (ZSTD_isError(count) != 0) {
    out.resize(before);
    return {Code::kResourceExhausted, "a body cannot be compressed"};
  }
  out.resize(before + count);
  return Status::Ok();
}

size_t FrameBound(size_t bytes) { return ZSTD_compressBound(bytes); }

Status DecompressFrame(std::string_view compressed, std::string& out) {
  ZSTD_DCtx* const context = Decompressor();
  if (context == nullptr) {
    return {Code::kResourceExhausted, "no memory to decompress a stored body"};
  }
  const size_t bytes =
      ZSTD_decompressDCtx(context, out.data(), out.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(bytes) != 0 || bytes != out.size()) {
    return {Code::kCorrupt, "a compressed body is damaged"};
  }
  return Status::Ok();
}

bool BecomesSmaller(std::string_view sample) {
  return CompressBody(sample.substr(0, kCompressibleBytesMax)).has_value();
}

}  // namespace mailhaul::store
