#include "store/zstd_frame.h"

#include <zstd.h>

#include <memory>

#include "store/scratch.h"

namespace mailhaul::store {
namespace {

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

Status AppendZstdFrame(std::string_view bytes, int level, std::string& out) {
  ZSTD_CCtx* const context = Compressor();
  if (context == nullptr) {
    return {Code::kResourceExhausted, "no memory to compress a body"};
  }
  // A string would fill the room with zeros first.
  thread_local Scratch scratch;
  const std::span<char> room = scratch.Take(ZstdFrameBound(bytes.size()));
  const size_t count =
      ZSTD_compressCCtx(context, room.data(), room.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(count) == 0) {
    out.append(room.data(), count);
  }
  scratch.Trim();
  return ZSTD_isError(count) == 0 ? Status::Ok()
                                  : Status(Code::kResourceExhausted, "a body cannot be compressed");
}

size_t ZstdFrameBound(size_t bytes) { return ZSTD_compressBound(bytes); }

uint64_t ZstdContentBytes(std::string_view frame) {
  return ZSTD_getFrameContentSize(frame.data(), frame.size());
}

Status ReadZstdFrame(std::string_view frame, std::span<char> out) {
  ZSTD_DCtx* const context = Decompressor();
  if (context == nullptr) {
    return {Code::kResourceExhausted, "no memory to decompress a stored body"};
  }
  const size_t bytes =
      ZSTD_decompressDCtx(context, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(bytes) != 0 || bytes != out.size()) {
    return {Code::kCorrupt, "a compressed body is damaged"};
  }
  return Status::Ok();
}

}  // namespace mailhaul::store
