#include "store/blob_store.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "base/units.h"
#include "store/aligned_buffer.h"
#include "store/compression.h"
#include "store/segment.h"
#include "store/sha256.h"

namespace mailhaul::store {
namespace {

// Small bodies are collected into one write of this size.
constexpr size_t kBufferBytes = size_t{4} << 20;
constexpr size_t kWriterBufferBytes = size_t{256} << 10;
// Reserved ahead of the writes, so that a sync finds the blocks allocated.
constexpr uint64_t kPreallocateBytes = uint64_t{32} << 20;
constexpr size_t kOpenReadersMax = 64;

struct Segment {
  uint32_t number = 0;
  std::shared_ptr<File> file;
  bool dirty = false;  // Written since the last sync.
};

// Where a stream of parts stands. Shared with its readers.
struct StreamedBody {
  explicit StreamedBody(size_t buffer_bytes) : buffer(buffer_bytes) {}
  std::shared_ptr<Segment> segment;
  uint64_t begin = 0;    // Of the header, in the file.
  uint64_t flushed = 0;  // Bytes from `begin` that are in the file; the rest is in the buffer.
  std::optional<uint64_t> size;  // Announced.
  uint64_t appended = 0;
  AlignedBuffer buffer;
};

class FileByteSource final : public ByteSource {
 public:
  FileByteSource(std::shared_ptr<const File> file, const BlobLocation& location)
      : file_(std::move(file)), location_(location) {}

  uint64_t size() const override { return location_.size; }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    if (offset >= location_.size) {
      return size_t{0};
    }
    const size_t count = std::min<uint64_t>(out.size(), location_.size - offset);
    MH_ASSIGN_OR_RETURN(const size_t got,
                        file_->ReadAt(location_.offset + offset, out.first(count)));
    if (got != count) {
      return Status(Code::kCorrupt,
                    "segment " + SegmentName(location_.segment) + " ends within a message body");
    }
    return count;
  }

 private:
  std::shared_ptr<const File> file_;
  BlobLocation location_;
};

// What has been appended of a streamed body.
class StreamedByteSource final : public ByteSource {
 public:
  explicit StreamedByteSource(std::shared_ptr<const StreamedBody> body) : body_(std::move(body)) {}

  uint64_t size() const override { return body_->appended; }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    if (offset >= body_->appended) {
      return size_t{0};
    }
    const size_t count = std::min<uint64_t>(out.size(), body_->appended - offset);
    const uint64_t position = offset + kBodyHeaderBytes;
    size_t done = 0;
    if (position < body_->flushed) {
      const size_t in_file = std::min<uint64_t>(count, body_->flushed - position);
      MH_ASSIGN_OR_RETURN(
          done, body_->segment->file->ReadAt(body_->begin + position, out.first(in_file)));
      if (done != in_file) {
        return Status(Code::kIo, "a segment lost bytes while it was written");
      }
    }
    if (done < count) {
      const std::string_view rest = body_->buffer.view().substr(position + done - body_->flushed);
      rest.copy(out.data() + done, count - done);
    }
    return count;
  }

 private:
  std::shared_ptr<const StreamedBody> body_;
};

class SegmentBlobStore final : public BlobStore {
 public:
  SegmentBlobStore(FileSystem& files, BlobStoreOptions options, std::set<uint32_t> segments)
      : files_(files),
        options_(std::move(options)),
        segments_(std::move(segments)),
        next_segment_(segments_.empty() ? 1 : *segments_.rbegin() + 1) {}

  Result<BlobLocation> Append(std::string_view body, const Sha256& sha256) override {
    return Place(BodyHeader(body.size(), sha256), body, body.size());
  }
  Result<BlobLocation> AppendCompressed(std::string_view compressed, uint64_t size,
                                        const Sha256& sha256) override {
    const auto bytes = static_cast<uint32_t>(compressed.size());
    return Place(CompressedBodyHeader(bytes, size, sha256), compressed, size);
  }
  Result<std::unique_ptr<Writer>> Begin(std::optional<uint64_t> size) override;
  Status Sync() override;
  Result<std::unique_ptr<ByteSource>> Open(const BlobLocation& location) const override;
  Result<std::vector<IdleSegment>> ListIdle() const override;
  bool HasSegment(uint32_t segment) const override { return segments_.contains(segment); }
  Status Remove(uint32_t segment) override;
  uint64_t bytes_written() const override { return bytes_written_.load(); }

  // Counts, marks the segment for the next sync, and remembers a failure.
  Status WriteTo(Segment& segment, uint64_t offset, std::string_view bytes);
  // A body without announced size has ended at `end`: the segment may take another.
  void TakeBack(std::shared_ptr<Segment> segment, uint64_t end);

 private:
  Result<std::shared_ptr<Segment>> NewSegment();
  Status CheckRoom(uint64_t bytes);
  Result<BlobLocation> Place(const std::string& header, std::string_view bytes, uint64_t size);
  Status OpenPacked();
  Status PutPacked(std::string_view bytes);
  Status FlushPacked();
  Status ReserveStreamed(uint64_t bytes);
  Status OpenStreamed(std::shared_ptr<Segment>* segment);
  Result<std::shared_ptr<StreamedBody>> PlaceSized(uint64_t size);
  Result<std::shared_ptr<StreamedBody>> PlaceUnsized();
  Status SyncFiles();
  Status Fail(Status status);
  std::string PathOf(uint32_t number) const {
    return options_.directory + "/" + SegmentName(number);
  }
  Result<std::shared_ptr<File>> Reader(uint32_t number) const;

  FileSystem& files_;
  const BlobStoreOptions options_;
  std::atomic<uint64_t> bytes_written_{0};

  // The writer's thread only.
  std::set<uint32_t> segments_;  // All there are.
  uint32_t next_segment_;
  bool directory_dirty_ = false;
  Status failed_;  // kIo: for good. kDiskFull, of small bodies: until a Sync() has reported it.
  std::vector<std::shared_ptr<Segment>> unsynced_;  // Every segment that may be dirty.
  std::shared_ptr<Segment> packed_;                 // Takes small bodies; null: open one.
  std::unique_ptr<AlignedBuffer> packed_buffer_;
  uint64_t packed_flushed_ = 0;        // Bytes of packed_ in the file; a whole number of blocks.
  uint64_t packed_preallocated_ = 0;   // As far as blocks are reserved.
  std::shared_ptr<Segment> streamed_;  // Takes bodies in parts; null: open one.
  uint64_t streamed_end_ = 0;          // Where the next one begins.
  // Takes the next body without a size; null: open one. One that is being written is not here.
  std::shared_ptr<Segment> unsized_;
  uint64_t unsized_end_ = 0;

  mutable std::mutex readers_mutex_;
  mutable std::map<uint32_t, std::shared_ptr<File>> readers_;  // Guarded by readers_mutex_.
};

class StreamedWriter final : public BlobStore::Writer {
 public:
  StreamedWriter(SegmentBlobStore& store, std::shared_ptr<StreamedBody> body)
      : store_(store), body_(std::move(body)) {}

  Status Append(std::string_view part) override {
    if (body_->size.has_value() && part.size() > *body_->size - body_->appended) {
      return {Code::kInvalidArgument, "message body is longer than announced"};
    }
    hasher_.Update(part);
    MH_RETURN_IF_ERROR(Put(part));
    body_->appended += part.size();
    return Status::Ok();
  }

  Result<Finished> Finish() override {
    if (body_->appended != body_->size.value_or(body_->appended)) {
      return Status(Code::kInvalidArgument, "message body is shorter than announced");
    }
    Finished finished;
    finished.sha256 = hasher_.Finish();
    finished.location = {.segment = body_->segment->number,
                         .offset = body_->begin + kBodyHeaderBytes,
                         .size = body_->appended};
    MH_RETURN_IF_ERROR(Put(StreamedBodyTrailer(body_->appended, finished.sha256)));
    body_->buffer.PadToBlock();
    MH_RETURN_IF_ERROR(Flush());
    if (!body_->size.has_value()) {
      MH_RETURN_IF_ERROR(CompleteHeader());
      store_.TakeBack(body_->segment, body_->begin + body_->flushed);
    }
    return finished;
  }

  std::unique_ptr<ByteSource> Source() const override {
    return std::make_unique<StreamedByteSource>(body_);
  }

  Status Put(std::string_view bytes) {
    while (!bytes.empty()) {
      bytes.remove_prefix(body_->buffer.Append(bytes));
      if (body_->buffer.full()) {
        MH_RETURN_IF_ERROR(Flush());
      }
    }
    return Status::Ok();
  }

 private:
  Status Flush() {
    const std::string_view bytes = body_->buffer.view();
    if (body_->flushed == 0 && !body_->size.has_value()) {
      first_block_ = bytes.substr(0, kBlockBytes);
    }
    MH_RETURN_IF_ERROR(store_.WriteTo(*body_->segment, body_->begin + body_->flushed, bytes));
    body_->flushed += bytes.size();
    body_->buffer.Clear();
    return Status::Ok();
  }

  Status CompleteHeader() {
    first_block_.replace(0, kBodyHeaderBytes, StreamedBodyHeader(body_->appended));
    AlignedBuffer block(kBlockBytes);
    block.Append(first_block_);
    return store_.WriteTo(*body_->segment, body_->begin, block.view());
  }

  SegmentBlobStore& store_;
  const std::shared_ptr<StreamedBody> body_;
  std::string first_block_;  // Without announced size, once written.
  Sha256Hasher hasher_;
};

Status SegmentBlobStore::Fail(Status status) {
  if (failed_.ok() || status.code() != Code::kDiskFull) {
    failed_ = status;
  }
  // Nothing is ever appended behind bytes that may be torn.
  packed_.reset();
  if (packed_buffer_ != nullptr) {
    packed_buffer_->Clear();
  }
  return status;
}

Status SegmentBlobStore::CheckRoom(uint64_t bytes) {
  MH_ASSIGN_OR_RETURN(const uint64_t free, files_.FreeBytes(options_.directory));
  if (free < options_.free_bytes_min || free - options_.free_bytes_min < bytes) {
    return {Code::kDiskFull, "no room for message bodies in " + EscapeForLog(options_.directory) +
                                 ": " + FormatByteSize(free) + " free, of which " +
                                 FormatByteSize(options_.free_bytes_min) +
                                 " are kept in reserve; free some space"};
  }
  return Status::Ok();
}

Result<std::shared_ptr<Segment>> SegmentBlobStore::NewSegment() {
  auto segment = std::make_shared<Segment>();
  MH_CHECK(next_segment_ != 0);
  segment->number = next_segment_;
  MH_ASSIGN_OR_RETURN(segment->file, files_.Create(PathOf(segment->number)));
  segments_.insert(next_segment_++);
  directory_dirty_ = true;
  unsynced_.push_back(segment);
  return segment;
}

Status SegmentBlobStore::WriteTo(Segment& segment, uint64_t offset, std::string_view bytes) {
  if (!failed_.ok() && failed_.code() != Code::kDiskFull) {
    return failed_;
  }
  Status status = CheckRoom(bytes.size());
  if (status.ok()) {
    segment.dirty = true;
    status = segment.file->WriteAt(offset, bytes);
  }
  if (!status.ok()) {
    // A body that found no room is its writer's loss alone.
    return status.code() == Code::kDiskFull ? status : Fail(status);
  }
  bytes_written_.fetch_add(bytes.size());
  return Status::Ok();
}

Status SegmentBlobStore::FlushPacked() {
  if (packed_ == nullptr || packed_buffer_->size() == 0) {
    return Status::Ok();
  }
  packed_buffer_->PadToBlock();
  const std::string_view bytes = packed_buffer_->view();
  // What is reserved ahead must not take the room that this write needs.
  if (packed_flushed_ + bytes.size() > packed_preallocated_ &&
      CheckRoom(kPreallocateBytes + bytes.size()).ok()) {
    packed_->file->Preallocate(packed_preallocated_, kPreallocateBytes);
    packed_preallocated_ += kPreallocateBytes;
  }
  const Status written = WriteTo(*packed_, packed_flushed_, bytes);
  if (!written.ok()) {
    return Fail(written);
  }
  packed_flushed_ += bytes.size();
  packed_buffer_->Clear();
  return Status::Ok();
}

Status SegmentBlobStore::PutPacked(std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(packed_buffer_->Append(bytes));
    if (packed_buffer_->full()) {
      MH_RETURN_IF_ERROR(FlushPacked());
    }
  }
  return Status::Ok();
}

Status SegmentBlobStore::OpenPacked() {
  if (packed_buffer_ == nullptr) {
    packed_buffer_ = std::make_unique<AlignedBuffer>(kBufferBytes);
  }
  MH_ASSIGN_OR_RETURN(packed_, NewSegment());
  packed_flushed_ = 0;
  packed_preallocated_ = 0;
  return PutPacked(SegmentFileHeader(packed_->number));
}

Result<BlobLocation> SegmentBlobStore::Place(const std::string& header, std::string_view bytes,
                                             uint64_t size) {
  if (!failed_.ok()) {
    return failed_;
  }
  if (packed_ != nullptr) {
    const uint64_t end = packed_flushed_ + packed_buffer_->size();
    if (end > kBlockBytes && end + kBodyHeaderBytes + bytes.size() > options_.segment_bytes_max) {
      MH_RETURN_IF_ERROR(FlushPacked());
      packed_.reset();
    }
  }
  if (packed_ == nullptr) {
    MH_RETURN_IF_ERROR(OpenPacked());
  }
  const BlobLocation location = {
      .segment = packed_->number,
      .offset = packed_flushed_ + packed_buffer_->size() + kBodyHeaderBytes,
      .size = size};
  MH_RETURN_IF_ERROR(PutPacked(header));
  MH_RETURN_IF_ERROR(PutPacked(bytes));
  return location;
}

// A segment for bodies that arrive in parts, its first block written.
Status SegmentBlobStore::OpenStreamed(std::shared_ptr<Segment>* segment) {
  MH_ASSIGN_OR_RETURN(std::shared_ptr<Segment> opened, NewSegment());
  AlignedBuffer header(kBlockBytes);
  header.Append(SegmentFileHeader(opened->number));
  MH_RETURN_IF_ERROR(WriteTo(*opened, 0, header.view()));
  *segment = std::move(opened);
  return Status::Ok();
}

Status SegmentBlobStore::ReserveStreamed(uint64_t bytes) {
  if (streamed_ != nullptr && streamed_end_ > kBlockBytes &&
      streamed_end_ + bytes > options_.segment_bytes_max) {
    streamed_.reset();
  }
  if (streamed_ == nullptr) {
    MH_RETURN_IF_ERROR(OpenStreamed(&streamed_));
    streamed_end_ = kBlockBytes;
  } else if (std::find(unsynced_.begin(), unsynced_.end(), streamed_) == unsynced_.end()) {
    unsynced_.push_back(streamed_);
  }
  streamed_->file->Preallocate(streamed_end_, bytes);
  return Status::Ok();
}

Result<std::shared_ptr<StreamedBody>> SegmentBlobStore::PlaceSized(uint64_t size) {
  const uint64_t bytes = RoundUpToBlock(size + 2 * kBodyHeaderBytes);
  MH_RETURN_IF_ERROR(CheckRoom(bytes));
  MH_RETURN_IF_ERROR(ReserveStreamed(bytes));
  auto body = std::make_shared<StreamedBody>(std::min<uint64_t>(bytes, kWriterBufferBytes));
  body->segment = streamed_;
  body->begin = streamed_end_;
  body->size = size;
  streamed_end_ += bytes;
  return body;
}

Result<std::shared_ptr<StreamedBody>> SegmentBlobStore::PlaceUnsized() {
  if (unsized_ == nullptr || unsized_end_ >= options_.segment_bytes_max) {
    MH_RETURN_IF_ERROR(OpenStreamed(&unsized_));
    unsized_end_ = kBlockBytes;
  } else if (std::find(unsynced_.begin(), unsynced_.end(), unsized_) == unsynced_.end()) {
    unsynced_.push_back(unsized_);
  }
  auto body = std::make_shared<StreamedBody>(kWriterBufferBytes);
  body->segment = std::move(unsized_);
  body->begin = unsized_end_;
  return body;
}

void SegmentBlobStore::TakeBack(std::shared_ptr<Segment> segment, uint64_t end) {
  unsized_ = std::move(segment);
  unsized_end_ = end;
}

Result<std::unique_ptr<BlobStore::Writer>> SegmentBlobStore::Begin(std::optional<uint64_t> size) {
  // Small bodies that found no room wait for a Sync() to tell, which may come after this one.
  if (!failed_.ok() && failed_.code() != Code::kDiskFull) {
    return failed_;
  }
  MH_ASSIGN_OR_RETURN(std::shared_ptr<StreamedBody> body,
                      size.has_value() ? PlaceSized(*size) : PlaceUnsized());
  auto writer = std::make_unique<StreamedWriter>(*this, std::move(body));
  MH_RETURN_IF_ERROR(writer->Put(StreamedBodyHeader(size.value_or(kBodySizeUnknown))));
  return std::unique_ptr<Writer>(std::move(writer));
}

Status SegmentBlobStore::SyncFiles() {
  for (const std::shared_ptr<Segment>& segment : unsynced_) {
    if (segment->dirty) {
      MH_RETURN_IF_ERROR(segment->file->Sync());
      segment->dirty = false;
    }
  }
  if (directory_dirty_) {
    MH_RETURN_IF_ERROR(files_.SyncDirectory(options_.directory));
    directory_dirty_ = false;
  }
  // Only the segment in use and those that a writer still holds can become dirty again.
  std::erase_if(unsynced_, [this](const std::shared_ptr<Segment>& segment) {
    return segment != packed_ && segment.use_count() == 1;
  });
  return Status::Ok();
}

Status SegmentBlobStore::Sync() {
  if (failed_.ok()) {
    static_cast<void>(FlushPacked());  // A failure is remembered in failed_.
  }
  if (!failed_.ok()) {
    const Status status = failed_;
    if (failed_.code() == Code::kDiskFull) {
      failed_ = Status::Ok();
    }
    return status;
  }
  const Status status = SyncFiles();
  if (!status.ok()) {
    // What a failed sync left on the disk is unknown, and asking again would not tell.
    return Fail(Status(Code::kIo, status.message()));
  }
  return Status::Ok();
}

Result<std::shared_ptr<File>> SegmentBlobStore::Reader(uint32_t number) const {
  const std::lock_guard lock(readers_mutex_);
  const auto found = readers_.find(number);
  if (found != readers_.end()) {
    return found->second;
  }
  Result<std::unique_ptr<File>> file = files_.Open(PathOf(number));
  if (!file.ok()) {
    if (file.status().code() == Code::kNotFound) {
      return Status(Code::kCorrupt, "segment " + SegmentName(number) + " is missing");
    }
    return file.status();
  }
  if (readers_.size() >= kOpenReadersMax) {
    readers_.erase(readers_.begin());  // The oldest segment: new mail is read most.
  }
  const std::shared_ptr<File> shared(std::move(file).value());
  readers_.emplace(number, shared);
  return shared;
}

Result<std::unique_ptr<ByteSource>> SegmentBlobStore::Open(const BlobLocation& location) const {
  if (location.offset < kBlockBytes + kBodyHeaderBytes) {
    return Status(Code::kCorrupt, "a message body's location is impossible");
  }
  MH_ASSIGN_OR_RETURN(std::shared_ptr<File> file, Reader(location.segment));
  std::string header(kBodyHeaderBytes, '\0');
  MH_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(location.offset - kBodyHeaderBytes, header));
  header.resize(got);
  const Result<ParsedBodyHeader> body = ParseBodyHeader(header);
  MH_ASSIGN_OR_RETURN(const uint64_t file_size, file->Size());
  if (!body.ok() || body->size != location.size || file_size < location.offset ||
      file_size - location.offset < body->compressed.value_or(location.size)) {
    return Status(Code::kCorrupt, "segment " + SegmentName(location.segment) +
                                      " holds no such body at " + std::to_string(location.offset));
  }
  if (!body->compressed) {
    return std::unique_ptr<ByteSource>(std::make_unique<FileByteSource>(std::move(file), location));
  }
  std::string compressed(*body->compressed, '\0');
  MH_ASSIGN_OR_RETURN(const size_t read, file->ReadAt(location.offset, compressed));
  compressed.resize(read);
  MH_ASSIGN_OR_RETURN(std::string whole, DecompressBody(compressed, location.size));
  return std::unique_ptr<ByteSource>(std::make_unique<OwnedByteSource>(std::move(whole)));
}

Result<std::vector<BlobStore::IdleSegment>> SegmentBlobStore::ListIdle() const {
  std::set<uint32_t> in_use;
  for (const auto& segment : {packed_, streamed_, unsized_}) {
    in_use.insert(segment == nullptr ? 0 : segment->number);
  }
  for (const auto& segment : unsynced_) {
    in_use.insert(segment->number);
  }
  std::vector<IdleSegment> idle;
  for (const uint32_t number : segments_) {
    if (number != *segments_.rbegin() && !in_use.contains(number)) {
      MH_ASSIGN_OR_RETURN(const FileInfo info, files_.Stat(PathOf(number)));
      idle.push_back({.number = number, .bytes = info.bytes});
    }
  }
  return idle;
}

Status SegmentBlobStore::Remove(uint32_t segment) {
  MH_CHECK(segments_.contains(segment) && segment != *segments_.rbegin());
  MH_RETURN_IF_ERROR(files_.Remove(PathOf(segment)));
  segments_.erase(segment);
  const std::lock_guard lock(readers_mutex_);
  readers_.erase(segment);
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<BlobStore>> BlobStore::Open(FileSystem& files, BlobStoreOptions options) {
  MH_RETURN_IF_ERROR(files.CreateDirectories(options.directory));
  MH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(options.directory));
  std::set<uint32_t> segments;
  for (const std::string& name : names) {
    if (const uint32_t number = ParseSegmentName(name); number != 0) {
      segments.insert(number);
    }
  }
  if (segments.contains(UINT32_MAX)) {
    return Status(Code::kResourceExhausted, "all segment numbers are used up");
  }
  return std::unique_ptr<BlobStore>(
      std::make_unique<SegmentBlobStore>(files, std::move(options), std::move(segments)));
}

Result<std::unique_ptr<ByteSource>> OpenChecked(const BlobStore& blobs,
                                                const BlobLocation& location,
                                                const Sha256& sha256) {
  constexpr size_t kPartBytes = size_t{64} << 10;
  MH_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, blobs.Open(location));
  std::vector<char> part(std::min<uint64_t>(kPartBytes, source->size()));
  Sha256Hasher hasher;
  for (uint64_t offset = 0; offset < source->size();) {
    MH_ASSIGN_OR_RETURN(const size_t got, source->ReadAt(offset, part));
    if (got == 0) {
      return Status(Code::kCorrupt, "a stored body ends early");
    }
    hasher.Update({part.data(), got});
    offset += got;
  }
  if (hasher.Finish() != sha256) {
    return Status(Code::kCorrupt, "the stored body is damaged; run `mailhaul verify`");
  }
  return source;
}

}  // namespace mailhaul::store
