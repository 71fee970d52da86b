// Where a session takes a message's bytes from, a block at a time.
#pragma once

#include <cstdint>
#include <span>

#include "base/byte_source.h"
#include "base/result.h"
#include "connectors/net/task.h"
#include "connectors/smtp/data_encoder.h"

namespace mailhaul::smtp {

// Serves one Send(), from the first byte to the last.
class MessageSource {
 public:
  virtual ~MessageSource() = default;
  // Known before the message is sent: what a MessageScanner says of all its bytes. The session
  // checks them while it sends, and stops before the end of data when they are wrong.
  virtual const MessageFacts& facts() const = 0;
  // The next bytes, at most out.size(); 0 at the end. `out` must live until the task completes. A
  // failure ends Send() with it, before the end of data.
  virtual net::Task<Result<size_t>> Read(std::span<char> out) = 0;
};

// Reads all of `bytes`; may block as ReadAt() does.
Result<MessageFacts> ScanMessage(const ByteSource& bytes);

// Over a ByteSource that does not block: a message in memory. `bytes` must outlive it.
class ByteMessageSource final : public MessageSource {
 public:
  ByteMessageSource(const ByteSource& bytes, const MessageFacts& facts)
      : bytes_(bytes), facts_(facts) {}
  const MessageFacts& facts() const override { return facts_; }
  net::Task<Result<size_t>> Read(std::span<char> out) override;

 private:
  const ByteSource& bytes_;
  const MessageFacts facts_;
  uint64_t offset_ = 0;
};

}  // namespace mailhaul::smtp
