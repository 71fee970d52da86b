// Compressed bodies from a damaged store never crash and are never of another size; whatever is
// stored comes back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_source.h"
#include "base/check.h"
#include "store/base64_lines.h"
#include "store/compression.h"
#include "store/framed_body.h"

namespace store = mailhaul::store;

namespace {

constexpr size_t kSizeMax = size_t{64} << 10;

void ReadWhole(std::string_view frames, size_t size, std::string_view expected) {
  const auto source = store::OpenFrames(mailhaul::OwnedByteSource::CopyOf(frames), size);
  std::string out(size, '\0');
  const bool whole = source.ok() && (*source)->ReadAt(0, out).ok();
  MH_CHECK(expected.empty() || (whole && out == expected));
}

// `bytes` are what a store holds.
void ReadHostile(std::string_view bytes, size_t size) {
  std::string out(size, '\0');
  static_cast<void>(store::ReadPiece(bytes, out));
  MH_CHECK(out.size() == size);
  const mailhaul::Result<mailhaul::RawBuffer> body = store::DecompressBody(bytes, size);
  MH_CHECK(!body.ok() || body->size() == size);
  ReadWhole(bytes, size, {});
}

// `bytes` are a message.
void CheckRoundTrip(std::string_view bytes) {
  const store::SplitBytes split = store::SplitBase64(bytes);
  std::string joined(bytes.size(), '\0');
  if (!split.runs.empty()) {
    store::JoinBase64(split.runs, split.rest, split.decoded, joined);
    MH_CHECK(joined == bytes);
  }
  std::string piece;
  MH_CHECK(store::AppendPiece(bytes, piece).ok());
  MH_CHECK(piece.size() <= store::PieceBound(bytes.size()));
  MH_CHECK(store::ReadPiece(piece, joined).ok() && joined == bytes);
  if (!bytes.empty()) {
    store::FrameEncoder encoder(store::kFrameBytesMin);
    std::string frames;
    MH_CHECK(encoder.Append(bytes, frames).ok() && encoder.Finish(frames).ok());
    ReadWhole(frames, bytes.size(), bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckRoundTrip(bytes);
  if (size >= 2) {
    const size_t claimed = size_t{data[0]} << 8 | data[1];
    ReadHostile(bytes.substr(2), std::min(claimed, kSizeMax));
    // As long as a header would be, with any frames behind it.
    ReadHostile("MHB6" + std::string(bytes.substr(2)), claimed);
  }
  return 0;
}
