#include "connectors/net/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace mailhaul::net {
namespace {

// Negative: raw DEFLATE, without zlib's header and checksum. A peer may look back over all of 32
// KiB.
constexpr int kInflateWindowBits = -15;
constexpr int kDeflateWindowBits = -12;
constexpr int kDeflateMemoryLevel = 5;
constexpr size_t kOutputStepBytes = 4096;

uInt Clamped(size_t size) {
  return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
}

// zlib does not write to its input; its interface is older than const.
void SetInput(z_stream& stream, std::string_view input) {
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = Clamped(input.size());
}

void SetOutput(z_stream& stream, char* out, size_t size) {
  stream.next_out = reinterpret_cast<Bytef*>(out);
  stream.avail_out = Clamped(size);
}

}  // namespace

Inflater::Inflater() : stream_(std::make_unique<z_stream>()) {
  MH_CHECK(inflateInit2(stream_.get(), kInflateWindowBits) == Z_OK);
}

Inflater::~Inflater() { inflateEnd(stream_.get()); }

Result<size_t> Inflater::Inflate(std::string_view& input, std::span<char> out) {
  size_t done = 0;
  bool moved = true;
  while (failure_.ok() && !ended_ && moved && done < out.size()) {
    SetInput(*stream_, input);
    SetOutput(*stream_, out.data() + done, out.size() - done);
    const size_t offered = stream_->avail_in;
    const size_t space = stream_->avail_out;
    const int result = inflate(stream_.get(), Z_SYNC_FLUSH);
    const size_t used = offered - stream_->avail_in;
    const size_t given = space - stream_->avail_out;
    input.remove_prefix(used);
    done += given;
    compressed_bytes_ += used;
    inflated_bytes_ += given;
    moved = used > 0 || given > 0;
    ended_ = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      failure_ = Status(Code::kProtocol, "the compressed data is damaged");
    } else if (inflated_bytes_ > kInflatedBytesFree &&
               inflated_bytes_ / kInflateRatioMax > compressed_bytes_) {
      failure_ = Status(Code::kProtocol, "the compressed data is a decompression bomb: more than " +
                                             std::to_string(kInflateRatioMax) + " times its size");
    }
  }
  if (done == 0 && !failure_.ok()) {
    return failure_;
  }
  return done;
}

Deflater::Deflater() : stream_(std::make_unique<z_stream>()) {
  MH_CHECK(deflateInit2(stream_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED, kDeflateWindowBits,
                        kDeflateMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK);
}

Deflater::~Deflater() { deflateEnd(stream_.get()); }

void Deflater::Deflate(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    SetInput(*stream_, bytes);
    bytes.remove_prefix(stream_->avail_in);
    // Output that just fits its space may hide more of it.
    do {
      const size_t size = out.size();
      out.resize(size + kOutputStepBytes);
      SetOutput(*stream_, out.data() + size, kOutputStepBytes);
      MH_CHECK(deflate(stream_.get(), Z_SYNC_FLUSH) != Z_STREAM_ERROR);
      out.resize(out.size() - stream_->avail_out);
    } while (stream_->avail_out == 0);
  }
}

}  // namespace mailhaul::net
