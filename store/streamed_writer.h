// Writes a body that arrives in parts behind what lies in a segment file. Private to the blob
// store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "store/aligned_buffer.h"
#include "store/blob_store.h"
#include "store/file_system.h"
#include "store/framed_body.h"
#include "store/sha256.h"

namespace mailhaul::store {

struct SegmentFile {
  uint32_t number = 0;
  std::shared_ptr<File> file;
  bool dirty = false;  // Guarded by its store's mutex. Written since the last sync began.
};

// What the writers need of their store. Thread-safe.
class StreamedSegments {
 public:
  virtual ~StreamedSegments() = default;
  // Counts, marks the segment for the next sync, and remembers a failure. One call for a segment
  // after the other.
  virtual Status WriteTo(SegmentFile& segment, uint64_t offset, std::string_view bytes) = 0;
  // Reserves blocks, where there is more than enough room.
  virtual void Reserve(SegmentFile& segment, uint64_t offset, uint64_t bytes) = 0;
  // A body has ended at `end`: the segment may take another.
  virtual void TakeBack(std::shared_ptr<SegmentFile> segment, uint64_t end) = 0;
};

class StreamedWriter final : public BlobStore::Writer {
 public:
  // `begin`: where the header goes, on a block.
  StreamedWriter(StreamedSegments& store, std::shared_ptr<SegmentFile> segment, uint64_t begin,
                 std::optional<uint64_t> size, size_t frame_bytes);

  ~StreamedWriter() override;
  StreamedWriter(const StreamedWriter&) = delete;
  StreamedWriter& operator=(const StreamedWriter&) = delete;

  Result<std::string> Prepare(std::string part) override;
  Status Write(std::string_view prepared) override;
  Result<Finished> Finish() override;

 private:
  enum class Form : uint8_t { kUndecided, kAsItIs, kFrames };

  Status Decide(std::string& out);
  Status Put(std::string_view bytes);
  Status Flush();
  Status CompleteHeader(const Finished& finished);
  bool header_comes_last() const { return form_ == Form::kFrames || !size_.has_value(); }

  // Constant.
  StreamedSegments& store_;
  const std::shared_ptr<SegmentFile> segment_;
  const uint64_t begin_;
  const std::optional<uint64_t> size_;  // Announced.
  const size_t sample_bytes_;

  // Of Prepare(), until Finish().
  Form form_ = Form::kUndecided;
  uint64_t prepared_ = 0;  // Bytes of the body.
  std::string sample_;     // While it is undecided: all of them.
  Sha256Hasher hasher_;
  FrameEncoder encoder_;

  // Of the writer's thread.
  AlignedBuffer buffer_;
  bool reserved_ = false;    // Blocks, until it has finished.
  uint64_t flushed_ = 0;     // Bytes from begin_ that are in the file.
  std::string first_block_;  // Once written, where it is written again.
};

}  // namespace mailhaul::store
