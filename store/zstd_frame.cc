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

// RFC 8878, 3.1.1: one segment, with a size of four bytes and no checksum.
constexpr char kRawFrameDescriptor = static_cast<char>(0xA0);
constexpr size_t kRawBlockBytesMax = size_t{128} << 10;
constexpr size_t kFrameNumberBytes = 4;
constexpr size_t kBlockHeaderBytes = 3;
constexpr int kBlockSizeShift = 3;  // Behind whether it is the last one, and its type, 0.

void AppendLittle(size_t value, size_t bytes, std::string& out) {
  for (size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> (i * 8)));
  }
}

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

void AppendRawFrame(std::string_view bytes, std::string& out) {
  AppendLittle(ZSTD_MAGICNUMBER, kFrameNumberBytes, out);
  out.push_back(kRawFrameDescriptor);
  AppendLittle(bytes.size(), kFrameNumberBytes, out);
  do {
    const std::string_view block = bytes.substr(0, kRawBlockBytesMax);
    bytes.remove_prefix(block.size());
    const size_t is_last = bytes.empty() ? 1 : 0;
    AppendLittle(block.size() << kBlockSizeShift | is_last, kBlockHeaderBytes, out);
    out += block;
  } while (!bytes.empty());
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
