#include "store/streamed_writer.h"

#include <algorithm>
#include <utility>

#include "store/compression.h"
#include "store/segment.h"

namespace mailhaul::store {
namespace {

constexpr size_t kWriterBufferBytes = size_t{256} << 10;
// Room for the table, and for what does not become smaller after all.
constexpr uint64_t kCompressedBytesMax = UINT32_MAX;
constexpr uint64_t kFramedSizeMax = kCompressedBytesMax / 4 * 3;

size_t BufferBytes(std::optional<uint64_t> size) {
  return static_cast<size_t>(
      std::min<uint64_t>(RoundUpToBlock(size.value_or(kWriterBufferBytes) + 2 * kBodyHeaderBytes),
                         kWriterBufferBytes));
}

}  // namespace

StreamedWriter::StreamedWriter(StreamedSegments& store, std::shared_ptr<SegmentFile> segment,
                               uint64_t begin, std::optional<uint64_t> size, size_t frame_bytes)
    : store_(store),
      segment_(std::move(segment)),
      begin_(begin),
      size_(size),
      sample_bytes_(frame_bytes),
      encoder_(frame_bytes),
      buffer_(BufferBytes(size)) {}

Result<std::string> StreamedWriter::Prepare(std::string part) {
  if (part.size() > size_.value_or(UINT64_MAX) - prepared_) {
    return Status(Code::kInvalidArgument, "message body is longer than announced");
  }
  if (form_ == Form::kFrames && part.size() > kFramedSizeMax - prepared_) {
    return Status(Code::kInvalidArgument, "message body is too long to be stored");
  }
  hasher_.Update(part);
  prepared_ += part.size();
  std::string out;
  if (form_ == Form::kUndecided) {
    if (sample_.empty()) {
      sample_ = std::move(part);
    } else {
      sample_ += part;
    }
    if (sample_.size() >= sample_bytes_) {
      MH_RETURN_IF_ERROR(Decide(out));
    }
    return out;
  }
  if (form_ == Form::kAsItIs) {
    return part;
  }
  MH_RETURN_IF_ERROR(encoder_.Append(part, out));
  return out;
}

// By the body's beginning; what was kept of it becomes the first bytes to be written.
Status StreamedWriter::Decide(std::string& out) {
  // Of a few bytes the table would take more than is saved.
  const bool fits = sample_.size() >= kFrameBytesMin && size_.value_or(prepared_) <= kFramedSizeMax;
  if (fits && BecomesSmaller(std::string_view(sample_).substr(0, sample_bytes_))) {
    form_ = Form::kFrames;
    out = FramedBodyHeader(0, kBodySizeUnknown, Sha256{});
    MH_RETURN_IF_ERROR(encoder_.Append(sample_, out));
  } else {
    form_ = Form::kAsItIs;
    out = StreamedBodyHeader(size_.value_or(kBodySizeUnknown));
    out += sample_;
  }
  sample_ = std::string();
  return Status::Ok();
}

// Nothing is ever written behind a body that was given up.
StreamedWriter::~StreamedWriter() {
  if (reserved_) {
    segment_->file->Trim();
  }
}

Status StreamedWriter::Write(std::string_view prepared) {
  if (flushed_ == 0 && buffer_.size() == 0 && !prepared.empty() && form_ == Form::kAsItIs &&
      size_.has_value()) {
    store_.Reserve(*segment_, begin_, RoundUpToBlock(*size_ + 2 * kBodyHeaderBytes));
    reserved_ = true;
  }
  return Put(prepared);
}

Result<BlobStore::Writer::Finished> StreamedWriter::Finish() {
  if (prepared_ != size_.value_or(prepared_)) {
    return Status(Code::kInvalidArgument, "message body is shorter than announced");
  }
  std::string rest;
  if (form_ == Form::kUndecided) {
    MH_RETURN_IF_ERROR(Decide(rest));
  }
  Finished finished;
  finished.sha256 = hasher_.Finish();
  finished.location = {
      .segment = segment_->number, .offset = begin_ + kBodyHeaderBytes, .size = prepared_};
  if (form_ == Form::kFrames) {
    MH_RETURN_IF_ERROR(encoder_.Finish(rest));
  } else {
    rest += StreamedBodyTrailer(prepared_, finished.sha256);
  }
  MH_RETURN_IF_ERROR(Put(rest));
  if (form_ == Form::kFrames) {
    finished.compressed = static_cast<uint32_t>(flushed_ + buffer_.size() - kBodyHeaderBytes);
  }
  buffer_.PadToBlock();
  MH_RETURN_IF_ERROR(Flush());
  if (header_comes_last()) {
    MH_RETURN_IF_ERROR(CompleteHeader(finished));
  }
  reserved_ = false;
  store_.TakeBack(segment_, begin_ + flushed_);
  return finished;
}

Status StreamedWriter::Put(std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(buffer_.Append(bytes));
    if (buffer_.full()) {
      MH_RETURN_IF_ERROR(Flush());
    }
  }
  return Status::Ok();
}

Status StreamedWriter::Flush() {
  const std::string_view bytes = buffer_.view();
  if (bytes.empty()) {
    return Status::Ok();
  }
  if (flushed_ == 0 && header_comes_last()) {
    first_block_ = bytes.substr(0, kBlockBytes);
  }
  MH_RETURN_IF_ERROR(store_.WriteTo(*segment_, begin_ + flushed_, bytes));
  flushed_ += bytes.size();
  buffer_.Clear();
  return Status::Ok();
}

Status StreamedWriter::CompleteHeader(const Finished& finished) {
  const std::string header =
      form_ == Form::kFrames
          ? FramedBodyHeader(finished.compressed, finished.location.size, finished.sha256)
          : StreamedBodyHeader(finished.location.size);
  first_block_.replace(0, kBodyHeaderBytes, header);
  AlignedBuffer block(kBlockBytes);
  block.Append(first_block_);
  return store_.WriteTo(*segment_, begin_, block.view());
}

}  // namespace mailhaul::store
