#include "store/framed_body.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "store/compression.h"

namespace mailhaul::store {
namespace {

// Of zstd's formats, little-endian: a frame that decoders skip, and the end of its contents.
constexpr uint32_t kSkippableMagic = 0x184D2A5E;
constexpr uint32_t kTableMagic = 0x8F92EAB1;
constexpr size_t kSkippableHeaderBytes = 8;
constexpr size_t kEntryBytes = 8;
constexpr size_t kFooterBytes = 9;
constexpr size_t kTableBytesMin = kSkippableHeaderBytes + kEntryBytes + kFooterBytes;
constexpr int kBitsPerByte = 8;

void AppendLittle(std::string& out, uint32_t value) {
  for (size_t i = 0; i < sizeof(value); ++i) {
    out.push_back(static_cast<char>(value >> (i * kBitsPerByte)));
  }
}

uint32_t ReadLittle(std::string_view bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[offset + i]))
             << (i * kBitsPerByte);
  }
  return value;
}

size_t TableBytes(uint64_t frames) {
  return static_cast<size_t>(kSkippableHeaderBytes + frames * kEntryBytes + kFooterBytes);
}

std::string EncodeTable(const std::vector<std::pair<uint32_t, uint32_t>>& frames) {
  std::string out;
  const size_t bytes = TableBytes(frames.size());
  out.reserve(bytes);
  AppendLittle(out, kSkippableMagic);
  AppendLittle(out, static_cast<uint32_t>(bytes - kSkippableHeaderBytes));
  for (const auto& [compressed, size] : frames) {
    AppendLittle(out, compressed);
    AppendLittle(out, size);
  }
  AppendLittle(out, static_cast<uint32_t>(frames.size()));
  out.push_back('\0');  // No checksums.
  AppendLittle(out, kTableMagic);
  return out;
}

Status Damaged() { return {Code::kCorrupt, "the frames of a stored body are damaged"}; }

Result<std::string> ReadExactly(const ByteSource& source, uint64_t offset, size_t count) {
  std::string bytes(count, '\0');
  MH_ASSIGN_OR_RETURN(const size_t got, source.ReadAt(offset, bytes));
  if (got != count) {
    return Damaged();
  }
  return bytes;
}

class FramedByteSource final : public ByteSource {
 public:
  FramedByteSource(std::unique_ptr<ByteSource> stored, uint64_t size)
      : stored_(std::move(stored)), size_(size) {}

  // Every byte of the table is compared with what the encoder writes for such frames.
  Status ReadTable() {
    if (stored_->size() < kTableBytesMin || stored_->size() > UINT32_MAX || size_ == 0) {
      return Damaged();
    }
    MH_ASSIGN_OR_RETURN(const std::string footer,
                        ReadExactly(*stored_, stored_->size() - kFooterBytes, kFooterBytes));
    const uint64_t count = ReadLittle(footer, 0);
    if (count == 0 || count > size_ / kFrameBytesMin + 1 || TableBytes(count) > stored_->size()) {
      return Damaged();
    }
    const size_t bytes = TableBytes(count);
    MH_ASSIGN_OR_RETURN(const std::string table,
                        ReadExactly(*stored_, stored_->size() - bytes, bytes));
    std::vector<std::pair<uint32_t, uint32_t>> frames;
    frames.reserve(count);
    for (size_t at = kSkippableHeaderBytes; at + kFooterBytes < bytes; at += kEntryBytes) {
      frames.emplace_back(ReadLittle(table, at), ReadLittle(table, at + sizeof(uint32_t)));
    }
    return EncodeTable(frames) == table ? Take(frames) : Damaged();
  }

  uint64_t size() const override { return size_; }
  size_t held_bytes() const override { return frame_bytes_ + ends_.size() * sizeof(ends_[0]); }

  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    size_t done = 0;
    while (done < out.size() && offset < size_) {
      const auto index = static_cast<size_t>(offset / frame_bytes_);
      MH_RETURN_IF_ERROR(Load(index));
      const std::string_view rest = std::string_view(frame_).substr(offset % frame_bytes_);
      const size_t count = rest.copy(out.data() + done, out.size() - done);
      done += count;
      offset += count;
    }
    return done;
  }

 private:
  Status Take(const std::vector<std::pair<uint32_t, uint32_t>>& frames) {
    frame_bytes_ = frames.front().second;
    uint64_t end = 0;
    uint64_t size = 0;
    for (size_t i = 0; i < frames.size(); ++i) {
      const auto& [compressed, bytes] = frames[i];
      const bool fits = i + 1 < frames.size() ? bytes == frame_bytes_ : bytes <= frame_bytes_;
      end += compressed;
      size += bytes;
      if (!fits || bytes == 0 || bytes > kFrameBytesMax || compressed > PieceBound(bytes)) {
        return Damaged();
      }
      ends_.push_back(static_cast<uint32_t>(end));
    }
    return end + TableBytes(frames.size()) == stored_->size() && size == size_ ? Status::Ok()
                                                                               : Damaged();
  }

  Status Load(size_t index) const {
    if (loaded_ == index) {
      return Status::Ok();
    }
    const uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    MH_ASSIGN_OR_RETURN(const std::string compressed,
                        ReadExactly(*stored_, begin, static_cast<size_t>(ends_[index] - begin)));
    loaded_.reset();
    frame_.resize(std::min<uint64_t>(frame_bytes_, size_ - index * frame_bytes_));
    MH_RETURN_IF_ERROR(ReadPiece(compressed, frame_));
    loaded_ = index;
    return Status::Ok();
  }

  const std::unique_ptr<ByteSource> stored_;
  const uint64_t size_;
  uint64_t frame_bytes_ = 0;
  std::vector<uint32_t> ends_;  // Of each frame, in what is stored.
  mutable std::optional<size_t> loaded_;
  mutable std::string frame_;  // That one.
};

}  // namespace

Status FrameEncoder::Append(std::string_view part, std::string& out) {
  const size_t frames = (waiting_.size() + part.size()) / frame_bytes_;
  out.reserve(out.size() + frames * PieceBound(frame_bytes_));
  if (!waiting_.empty()) {
    const size_t count = std::min(part.size(), frame_bytes_ - waiting_.size());
    waiting_.append(part.substr(0, count));
    part.remove_prefix(count);
    if (waiting_.size() < frame_bytes_) {
      return Status::Ok();
    }
    MH_RETURN_IF_ERROR(PutFrame(waiting_, out));
    waiting_.clear();
  }
  for (; part.size() >= frame_bytes_; part.remove_prefix(frame_bytes_)) {
    MH_RETURN_IF_ERROR(PutFrame(part.substr(0, frame_bytes_), out));
  }
  waiting_ = part;
  return Status::Ok();
}

Status FrameEncoder::Finish(std::string& out) {
  if (!waiting_.empty()) {
    MH_RETURN_IF_ERROR(PutFrame(waiting_, out));
    waiting_ = std::string();
  }
  out += EncodeTable(frames_);
  return Status::Ok();
}

Status FrameEncoder::PutFrame(std::string_view bytes, std::string& out) {
  MH_CHECK(bytes.size() <= kFrameBytesMax);
  const size_t before = out.size();
  MH_RETURN_IF_ERROR(AppendPiece(bytes, out));
  frames_.emplace_back(static_cast<uint32_t>(out.size() - before),
                       static_cast<uint32_t>(bytes.size()));
  return Status::Ok();
}

Result<std::unique_ptr<ByteSource>> OpenFrames(std::unique_ptr<ByteSource> stored, uint64_t size) {
  auto source = std::make_unique<FramedByteSource>(std::move(stored), size);
  MH_RETURN_IF_ERROR(source->ReadTable());
  return std::unique_ptr<ByteSource>(std::move(source));
}

}  // namespace mailhaul::store
