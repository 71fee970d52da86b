// A stored body whose beginning is still in memory: headers and the first text of a message that
// has just been written are not read back from the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "base/result.h"

namespace mailhaul::pipeline {

class FrontedSource final : public ByteSource {
 public:
  using Opener = std::function<Result<std::unique_ptr<ByteSource>>()>;

  // `front`: the first of `size` bytes. `open` gives all of them; it is called by the first read
  // that goes beyond, on that read's thread, and again after it has failed.
  FrontedSource(std::string front, uint64_t size, Opener open);

  uint64_t size() const override { return size_; }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override;
  std::string_view Contiguous() const override;
  size_t held_bytes() const override;
  // The first that a read met: those who parse take what they cannot read for the message's end.
  const Status& failure() const { return failure_; }

 private:
  Result<size_t> ReadWhole(uint64_t offset, std::span<char> out) const;

  const std::string front_;
  const uint64_t size_;
  const Opener open_;
  mutable std::unique_ptr<ByteSource> whole_;  // Null until it is needed.
  mutable Status failure_;
};

}  // namespace mailhaul::pipeline
