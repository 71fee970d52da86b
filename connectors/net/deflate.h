// Raw DEFLATE (RFC 1951) as mail protocols use it: an endless stream whose every write is flushed.
// Bytes in, bytes out; no sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

struct z_stream_s;

namespace mailhaul::net {

// Beyond the first kInflatedBytesFree a stream that has grown to more than kInflateRatioMax times
// its compressed size is refused. DEFLATE itself ends at 1,032 (one byte repeated), and the most
// compressible mail below: lines of 998 equal bytes reach 475, an attachment of equal bytes 295.
inline constexpr uint64_t kInflatedBytesFree = uint64_t{1} << 20;
inline constexpr uint64_t kInflateRatioMax = 500;

// Holds 40 KiB, whatever the input.
class Inflater final {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Inflates from the front of `input`, which loses what was used, into `out`, and returns how many
  // bytes that gave: out.size(), or fewer. Call it until it gives none: then all of `input` is
  // used, or the stream has ended. kProtocol, once all before it was given: the input is no DEFLATE
  // stream, or a bomb.
  Result<size_t> Inflate(std::string_view& input, std::span<char> out);
  bool ended() const { return ended_; }  // By the final block; what follows it stays in `input`.

 private:
  const std::unique_ptr<z_stream_s> stream_;
  uint64_t compressed_bytes_ = 0;
  uint64_t inflated_bytes_ = 0;
  bool ended_ = false;
  Status failure_;
};

// Holds 40 KiB: it looks back over 4 KiB only, which for commands is as good as 32.
class Deflater final {
 public:
  Deflater();
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Appends to `out` all that the peer needs to inflate `bytes`: a few bytes more than they are at
  // most.
  void Deflate(std::string_view bytes, std::string& out);

 private:
  const std::unique_ptr<z_stream_s> stream_;
};

}  // namespace mailhaul::net
