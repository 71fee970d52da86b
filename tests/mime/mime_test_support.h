// Helpers of the MIME tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_source.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::mime {

// Bytes that are read in pieces, as from the store, of at most `piece_bytes`.
class PiecewiseSource final : public ByteSource {
 public:
  explicit PiecewiseSource(std::string_view bytes, size_t piece_bytes = SIZE_MAX)
      : bytes_(bytes), piece_bytes_(piece_bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    return MemoryByteSource(bytes_).ReadAt(offset, out.first(std::min(out.size(), piece_bytes_)));
  }

 private:
  const std::string_view bytes_;
  const size_t piece_bytes_;
};

// A source whose bytes cannot be read.
class FailingSource final : public ByteSource {
 public:
  uint64_t size() const override { return 100; }
  Result<size_t> ReadAt(uint64_t, std::span<char>) const override {
    return Status(Code::kIo, "disk");
  }
};

inline ParsedMessage Parse(std::string_view mail) {
  Initialize();
  return ParseMessage(MemoryByteSource(mail));
}

inline MessageText Text(std::string_view mail, size_t bytes_max = 1024 * 1024) {
  Initialize();
  return DecodeText(MemoryByteSource(mail), bytes_max);
}

// Mail is written in the tests with "\n" line ends.
inline std::string WithCrlf(std::string_view text) {
  std::string crlf;
  for (const char c : text) {
    crlf += c == '\n' ? "\r\n" : std::string(1, c);
  }
  return crlf;
}

inline std::string Repeat(std::string_view text, size_t count) {
  std::string repeated;
  repeated.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) {
    repeated += text;
  }
  return repeated;
}

}  // namespace mailhaul::mime
