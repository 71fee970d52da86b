// Bytes that can be read at any offset: a message in memory, or one that lies in the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "base/raw_buffer.h"
#include "base/result.h"

namespace mailhaul {

// One thread at a time. Must outlive its readers.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Reads up to out.size() bytes at `offset`; fewer only at the end. May block on disk.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const = 0;
  // All bytes at once when they lie in memory, else empty: spares readers a copy.
  virtual std::string_view Contiguous() const { return {}; }
  // Memory that it takes while it lives, about.
  virtual size_t held_bytes() const { return Contiguous().size(); }
};

class MemoryByteSource final : public ByteSource {
 public:
  explicit MemoryByteSource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override;
  std::string_view Contiguous() const override { return bytes_; }

 private:
  std::string_view bytes_;
};

// The same of bytes that are its own.
class OwnedByteSource final : public ByteSource {
 public:
  explicit OwnedByteSource(RawBuffer bytes) : bytes_(std::move(bytes)), view_(bytes_.view()) {}
  static std::unique_ptr<ByteSource> CopyOf(std::string_view bytes) {
    RawBuffer copy(bytes.size());
    bytes.copy(copy.span().data(), copy.size());
    return std::make_unique<OwnedByteSource>(std::move(copy));
  }
  OwnedByteSource(const OwnedByteSource&) = delete;
  OwnedByteSource& operator=(const OwnedByteSource&) = delete;
  uint64_t size() const override { return view_.size(); }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    return view_.ReadAt(offset, out);
  }
  std::string_view Contiguous() const override { return view_.Contiguous(); }

 private:
  const RawBuffer bytes_;
  const MemoryByteSource view_;
};

}  // namespace mailhaul
