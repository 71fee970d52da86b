#include "connectors/net/deflate_stream.h"

#include <utility>

#include "base/check.h"
#include "connectors/net/deflate.h"

namespace mailhaul::net {
namespace {

constexpr size_t kInputBytes = size_t{16} * 1024;
// Compressed at a time: bounds the output in memory.
constexpr size_t kWriteChunkBytes = size_t{64} * 1024;
constexpr size_t kOutputBytesKept = size_t{4} * 1024;

class DeflateStream final : public Stream {
 public:
  DeflateStream(std::unique_ptr<Stream> inner, std::string received)
      : inner_(std::move(inner)), buffer_(std::move(received)), input_(buffer_) {}

  Task<Result<size_t>> Read(std::span<char> out) override;
  Task<Status> Write(std::string_view bytes) override;
  void SetDeadline(TimePoint deadline) override { inner_->SetDeadline(deadline); }
  void Abort() override { inner_->Abort(); }
  Task<void> Close() override { return inner_->Close(); }
  bool secure() const override { return inner_->secure(); }
  std::optional<ChannelBinding> channel_binding() const override {
    return inner_->channel_binding();
  }
  std::string peer_name() const override { return inner_->peer_name(); }

 private:
  const std::unique_ptr<Stream> inner_;
  Inflater inflater_;
  std::string buffer_;
  std::string_view input_;  // In buffer_: received, not yet inflated.
  bool input_ended_ = false;

  Deflater deflater_;
  std::string sending_;
  Status write_failure_;  // The peer lacks what was not sent, and could not go on without it.
};

Task<Result<size_t>> DeflateStream::Read(std::span<char> out) {
  MH_CHECK(!out.empty());
  while (true) {
    const Result<size_t> inflated = inflater_.Inflate(input_, out);
    if (!inflated.ok()) {
      co_return inflated.status().WithContext(peer_name());
    }
    if (*inflated > 0 || inflater_.ended() || input_ended_) {
      co_return *inflated;
    }
    buffer_.resize(kInputBytes);
    const std::span<char> space(buffer_);
    CO_TRY(const size_t count, inner_->Read(space));
    input_ = std::string_view(buffer_).substr(0, count);
    input_ended_ = count == 0;
  }
}

Task<Status> DeflateStream::Write(std::string_view bytes) {
  while (write_failure_.ok() && !bytes.empty()) {
    const std::string_view chunk = bytes.substr(0, kWriteChunkBytes);
    bytes.remove_prefix(chunk.size());
    deflater_.Deflate(chunk, sending_);
    write_failure_ = co_await inner_->Write(sending_);
    sending_.clear();
    if (sending_.capacity() > kOutputBytesKept) {
      sending_.shrink_to_fit();
    }
  }
  co_return write_failure_;
}

}  // namespace

std::unique_ptr<Stream> MakeDeflateStream(std::unique_ptr<Stream> stream, std::string received) {
  return std::make_unique<DeflateStream>(std::move(stream), std::move(received));
}

}  // namespace mailhaul::net
