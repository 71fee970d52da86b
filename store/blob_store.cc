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
#include "store/body_check.h"
#include "store/compression.h"
#include "store/file_byte_source.h"
#include "store/framed_body.h"
#include "store/scratch.h"
#include "store/segment.h"
#include "store/sha256.h"
#include "store/streamed_writer.h"

namespace mailhaul::store {
namespace {

// Small bodies are collected into one write of this size.
constexpr size_t kBufferBytes = size_t{4} << 20;
// Reserved ahead of the writes, so that a sync finds the blocks allocated.
constexpr uint64_t kPreallocateBytes = uint64_t{32} << 20;
constexpr size_t kOpenReadersMax = 64;
// Segments that wait for the next body in parts: what arrives at once needs one each.
constexpr size_t kIdleStreamedMax = 64;

Status NoSuchBody(const BlobLocation& location) {
  return {Code::kCorrupt, "segment " + SegmentName(location.segment) + " holds no such body at " +
                              std::to_string(location.offset)};
}

// What the header of that body says, if it is the one with this hash.
std::string CheckedBodyHeader(const ParsedBodyHeader& header, const Sha256& sha256) {
  return header.compressed
             ? CompressedBodyHeader(*header.compressed, header.size, sha256, header.check)
             : BodyHeader(header.size, sha256, header.check);
}

class SegmentBlobStore final : public BlobStore, public StreamedSegments {
 public:
  SegmentBlobStore(FileSystem& files, BlobStoreOptions options, std::set<uint32_t> segments)
      : files_(files),
        options_(std::move(options)),
        segments_(std::move(segments)),
        next_segment_(segments_.empty() ? 1 : *segments_.rbegin() + 1) {
    if (options_.read_only) {
      failed_ = Status(Code::kInvalidArgument, "the message bodies were opened for reading only");
    }
  }
  ~SegmentBlobStore() override { RetirePacked(); }
  SegmentBlobStore(const SegmentBlobStore&) = delete;
  SegmentBlobStore& operator=(const SegmentBlobStore&) = delete;

  Result<BlobLocation> Append(std::string_view body, const Sha256& sha256) override {
    // A larger one is not read whole.
    const std::optional<uint64_t> check =
        body.size() <= kCompressibleBytesMax ? std::optional(ComputeBodyCheck(body)) : std::nullopt;
    return Place(BodyHeader(body.size(), sha256, check), body, body.size());
  }
  Result<BlobLocation> AppendCompressed(std::string_view compressed, uint64_t size,
                                        const Sha256& sha256) override {
    const auto bytes = static_cast<uint32_t>(compressed.size());
    return Place(CompressedBodyHeader(bytes, size, sha256, ComputeBodyCheck(compressed)),
                 compressed, size);
  }
  Result<std::unique_ptr<Writer>> Begin(std::optional<uint64_t> size) override;
  Status Sync() override;
  Result<Opened> Open(const BlobLocation& location, const Sha256& sha256) const override;
  Result<std::vector<IdleSegment>> ListIdle() const override;
  bool HasSegment(uint32_t segment) const override {
    const std::lock_guard lock(mutex_);
    return segments_.contains(segment);
  }
  Status Remove(uint32_t segment) override;
  uint64_t bytes_written() const override { return bytes_written_.load(); }

 private:
  struct Streamed {
    std::shared_ptr<SegmentFile> segment;
    uint64_t end = 0;  // Where the next body begins.
  };

  Status WriteTo(SegmentFile& segment, uint64_t offset, std::string_view bytes) override;
  void Reserve(SegmentFile& segment, uint64_t offset, uint64_t bytes) override;
  void TakeBack(std::shared_ptr<SegmentFile> segment, uint64_t end) override;
  Result<std::shared_ptr<SegmentFile>> NewSegment();
  Status CheckRoom(uint64_t bytes);
  Result<BlobLocation> Place(const std::string& header, std::string_view bytes, uint64_t size);
  Status OpenPacked();
  void RetirePacked();
  Status PutPacked(std::string_view bytes);
  Status FlushPacked();
  // Null: there is none that has room for so many bytes.
  std::optional<Streamed> TakeIdle(uint64_t bytes);
  Result<Streamed> OpenStreamed();
  Status SyncFiles();
  std::vector<uint32_t> IdleNumbers() const;
  Status failed() const;
  void NoteFailure(const Status& status);
  Status Fail(Status status);
  std::string PathOf(uint32_t number) const {
    return options_.directory + "/" + SegmentName(number);
  }
  Result<std::shared_ptr<File>> Reader(uint32_t number) const;
  Result<Opened> OpenInParts(std::shared_ptr<File> file, const BlobLocation& location,
                             const ParsedBodyHeader& header) const;
  Result<Opened> OpenWhole(const File& file, const BlobLocation& location,
                           const ParsedBodyHeader& header) const;

  FileSystem& files_;
  const BlobStoreOptions options_;
  std::atomic<uint64_t> bytes_written_{0};

  // The committer's thread only.
  std::shared_ptr<SegmentFile> packed_;  // Takes small bodies; null: open one.
  std::unique_ptr<AlignedBuffer> packed_buffer_;
  uint64_t packed_flushed_ = 0;       // Bytes of packed_ in the file; a whole number of blocks.
  uint64_t packed_preallocated_ = 0;  // As far as blocks are reserved.

  mutable std::mutex mutex_;  // Not held while a file is written or synced.
  // Guarded by mutex_, to the next empty line:
  std::set<uint32_t> segments_;  // All there are.
  uint32_t next_segment_;
  bool directory_dirty_ = false;
  // For good, but for kDiskFull, of small bodies: until a Sync() has reported it.
  Status failed_;
  std::vector<std::shared_ptr<SegmentFile>> unsynced_;  // Every segment that may be dirty.
  std::vector<Streamed> idle_;  // Take bodies in parts. One that is being written is not here.

  mutable std::mutex readers_mutex_;
  mutable std::map<uint32_t, std::shared_ptr<File>> readers_;  // Guarded by readers_mutex_.
};

Status SegmentBlobStore::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

void SegmentBlobStore::NoteFailure(const Status& status) {
  const std::lock_guard lock(mutex_);
  if (failed_.ok() || status.code() != Code::kDiskFull) {
    failed_ = status;
  }
}

// The committer's thread.
Status SegmentBlobStore::Fail(Status status) {
  NoteFailure(status);
  // Nothing is ever appended behind bytes that may be torn.
  RetirePacked();
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

Result<std::shared_ptr<SegmentFile>> SegmentBlobStore::NewSegment() {
  auto segment = std::make_shared<SegmentFile>();
  const std::lock_guard lock(mutex_);
  MH_CHECK(next_segment_ != 0);
  segment->number = next_segment_;
  MH_ASSIGN_OR_RETURN(segment->file, files_.Create(PathOf(segment->number)));
  segments_.insert(next_segment_++);
  directory_dirty_ = true;
  unsynced_.push_back(segment);
  return segment;
}

Status SegmentBlobStore::WriteTo(SegmentFile& segment, uint64_t offset, std::string_view bytes) {
  const Status before = failed();
  if (!before.ok() && before.code() != Code::kDiskFull) {
    return before;
  }
  Status status = CheckRoom(bytes.size());
  if (status.ok()) {
    status = segment.file->WriteAt(offset, bytes);
    // Not before: a sync that began meanwhile may not have covered it.
    const std::lock_guard lock(mutex_);
    segment.dirty = true;
  }
  if (!status.ok()) {
    // A body that found no room is its writer's loss alone.
    if (status.code() != Code::kDiskFull) {
      NoteFailure(status);
    }
    return status;
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

// No more is written to it.
void SegmentBlobStore::RetirePacked() {
  if (packed_ != nullptr) {
    packed_->file->Trim();
    packed_.reset();
  }
}

Result<BlobLocation> SegmentBlobStore::Place(const std::string& header, std::string_view bytes,
                                             uint64_t size) {
  MH_RETURN_IF_ERROR(failed());
  if (packed_ != nullptr) {
    const uint64_t end = packed_flushed_ + packed_buffer_->size();
    if (end > kBlockBytes && end + kBodyHeaderBytes + bytes.size() > options_.segment_bytes_max) {
      MH_RETURN_IF_ERROR(FlushPacked());
      RetirePacked();
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

// Opens one for bodies that arrive in parts, its first block written.
Result<SegmentBlobStore::Streamed> SegmentBlobStore::OpenStreamed() {
  MH_ASSIGN_OR_RETURN(std::shared_ptr<SegmentFile> opened, NewSegment());
  AlignedBuffer header(kBlockBytes);
  header.Append(SegmentFileHeader(opened->number));
  MH_RETURN_IF_ERROR(WriteTo(*opened, 0, header.view()));
  return Streamed{.segment = std::move(opened), .end = kBlockBytes};
}

// Blocks reserved for one write must not be missing to the next.
void SegmentBlobStore::Reserve(SegmentFile& segment, uint64_t offset, uint64_t bytes) {
  if (CheckRoom(2 * bytes).ok()) {
    segment.file->Preallocate(offset, bytes);
  }
}

void SegmentBlobStore::TakeBack(std::shared_ptr<SegmentFile> segment, uint64_t end) {
  if (end >= options_.segment_bytes_max) {
    return;
  }
  const std::lock_guard lock(mutex_);
  if (idle_.size() >= kIdleStreamedMax) {
    idle_.erase(idle_.begin());
  }
  idle_.push_back({.segment = std::move(segment), .end = end});
}

std::optional<SegmentBlobStore::Streamed> SegmentBlobStore::TakeIdle(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  // The one used last, of those in which it ends within the limit.
  const auto place = std::find_if(idle_.rbegin(), idle_.rend(), [&](const Streamed& idle) {
    return idle.end + bytes <= options_.segment_bytes_max;
  });
  if (place == idle_.rend()) {
    return std::nullopt;
  }
  const Streamed taken = *place;
  idle_.erase(std::next(place).base());
  return taken;
}

Result<std::unique_ptr<BlobStore::Writer>> SegmentBlobStore::Begin(std::optional<uint64_t> size) {
  // Small bodies that found no room wait for a Sync() to tell, which may come after this one.
  const Status before = failed();
  if (!before.ok() && before.code() != Code::kDiskFull) {
    return before;
  }
  const uint64_t bytes = RoundUpToBlock(size.value_or(0) + 2 * kBodyHeaderBytes);
  MH_RETURN_IF_ERROR(CheckRoom(bytes));
  std::optional<Streamed> streamed = TakeIdle(bytes);
  if (!streamed.has_value()) {
    MH_ASSIGN_OR_RETURN(streamed, OpenStreamed());
  }
  return std::unique_ptr<Writer>(std::make_unique<StreamedWriter>(
      *this, streamed->segment, streamed->end, size, options_.frame_bytes));
}

Status SegmentBlobStore::SyncFiles() {
  std::vector<std::shared_ptr<SegmentFile>> dirty;
  bool directory = false;
  {
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<SegmentFile>& segment : unsynced_) {
      if (std::exchange(segment->dirty, false)) {
        dirty.push_back(segment);
      }
    }
    directory = std::exchange(directory_dirty_, false);
  }
  for (const std::shared_ptr<SegmentFile>& segment : dirty) {
    MH_RETURN_IF_ERROR(segment->file->Sync());
  }
  if (directory) {
    MH_RETURN_IF_ERROR(files_.SyncDirectory(options_.directory));
  }
  dirty.clear();
  const std::lock_guard lock(mutex_);
  // Only segments in use, and those that a writer still holds, can become dirty again.
  std::erase_if(unsynced_, [this](const std::shared_ptr<SegmentFile>& segment) {
    return segment != packed_ && segment.use_count() == 1 && !segment->dirty;
  });
  return Status::Ok();
}

Status SegmentBlobStore::Sync() {
  if (failed().ok()) {
    static_cast<void>(FlushPacked());  // A failure is remembered in failed_.
  }
  if (const Status failure = failed(); !failure.ok()) {
    if (failure.code() == Code::kDiskFull) {
      const std::lock_guard lock(mutex_);
      failed_ = failed_.code() == Code::kDiskFull ? Status::Ok() : failed_;
    }
    return failure;
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

Result<BlobStore::Opened> SegmentBlobStore::Open(const BlobLocation& location,
                                                 const Sha256& sha256) const {
  if (location.offset < kBlockBytes + kBodyHeaderBytes) {
    return Status(Code::kCorrupt, "a message body's location is impossible");
  }
  MH_ASSIGN_OR_RETURN(std::shared_ptr<File> file, Reader(location.segment));
  std::array<char, kBodyHeaderBytes> bytes;
  MH_ASSIGN_OR_RETURN(const size_t got,
                      file->ReadAt(location.offset - kBodyHeaderBytes, std::span(bytes)));
  const std::string_view header(bytes.data(), got);
  const Result<ParsedBodyHeader> body = ParseBodyHeader(header);
  if (!body.ok() || body->size != location.size ||
      (body->check && header != CheckedBodyHeader(*body, sha256))) {
    return NoSuchBody(location);
  }
  const bool in_parts =
      body->framed || (!body->compressed && location.size > kCompressibleBytesMax);
  return in_parts ? OpenInParts(std::move(file), location, *body)
                  : OpenWhole(*file, location, *body);
}

Result<BlobStore::Opened> SegmentBlobStore::OpenInParts(std::shared_ptr<File> file,
                                                        const BlobLocation& location,
                                                        const ParsedBodyHeader& header) const {
  BlobLocation stored = location;
  stored.size = header.compressed.value_or(location.size);
  MH_ASSIGN_OR_RETURN(const uint64_t file_size, file->Size());
  if (file_size < stored.offset || file_size - stored.offset < stored.size) {
    return NoSuchBody(location);
  }
  Opened opened;
  opened.body = std::make_unique<FileByteSource>(std::move(file), stored);
  if (header.framed) {
    MH_ASSIGN_OR_RETURN(opened.body, OpenFrames(std::move(opened.body), location.size));
  }
  return opened;
}

Result<BlobStore::Opened> SegmentBlobStore::OpenWhole(const File& file,
                                                      const BlobLocation& location,
                                                      const ParsedBodyHeader& header) const {
  // Nothing is compressed that would become larger.
  const uint64_t size = header.compressed.value_or(location.size);
  if (size > location.size || location.size > kCompressibleBytesMax) {
    return NoSuchBody(location);
  }
  thread_local Scratch scratch;
  RawBuffer whole(header.compressed ? 0 : size);
  const std::span<char> stored = header.compressed ? scratch.Take(size) : whole.span();
  MH_ASSIGN_OR_RETURN(const size_t got, file.ReadAt(location.offset, stored));
  const std::string_view bytes(stored.data(), got);
  if (got != size || (header.check && ComputeBodyCheck(bytes) != *header.check)) {
    return Status(Code::kCorrupt, "the stored body is damaged; run `mailhaul verify`");
  }
  if (header.compressed) {
    MH_ASSIGN_OR_RETURN(whole, DecompressBody(bytes, location.size));
    scratch.Trim();
  }
  return Opened{.body = std::make_unique<OwnedByteSource>(std::move(whole)),
                .checked = header.check.has_value()};
}

std::vector<uint32_t> SegmentBlobStore::IdleNumbers() const {
  std::set<uint32_t> in_use;
  in_use.insert(packed_ == nullptr ? 0 : packed_->number);
  const std::lock_guard lock(mutex_);
  for (const Streamed& idle : idle_) {
    in_use.insert(idle.segment->number);
  }
  for (const auto& segment : unsynced_) {
    in_use.insert(segment->number);
  }
  std::vector<uint32_t> numbers;
  for (const uint32_t number : segments_) {
    if (number != *segments_.rbegin() && !in_use.contains(number)) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

Result<std::vector<BlobStore::IdleSegment>> SegmentBlobStore::ListIdle() const {
  std::vector<IdleSegment> idle;
  for (const uint32_t number : IdleNumbers()) {
    MH_ASSIGN_OR_RETURN(const FileInfo info, files_.Stat(PathOf(number)));
    idle.push_back({.number = number, .bytes = info.bytes});
  }
  return idle;
}

Status SegmentBlobStore::Remove(uint32_t segment) {
  MH_CHECK(!options_.read_only);
  {
    const std::lock_guard lock(mutex_);
    MH_CHECK(segments_.contains(segment) && segment != *segments_.rbegin());
    MH_RETURN_IF_ERROR(files_.Remove(PathOf(segment)));
    segments_.erase(segment);
  }
  const std::lock_guard lock(readers_mutex_);
  readers_.erase(segment);
  return Status::Ok();
}

}  // namespace

namespace {

// A process that did not end in order leaves blocks reserved behind what it wrote.
void TrimLast(FileSystem& files, const std::string& directory, const std::set<uint32_t>& segments) {
  constexpr size_t kTrimmedMax = 8;
  size_t trimmed = 0;
  for (auto it = segments.rbegin(); it != segments.rend() && trimmed < kTrimmedMax;
       ++it, ++trimmed) {
    const Result<std::unique_ptr<File>> file = files.Open(directory + "/" + SegmentName(*it));
    if (file.ok()) {
      (*file)->Trim();
    }
  }
}

}  // namespace

Result<std::unique_ptr<BlobStore>> BlobStore::Open(FileSystem& files, BlobStoreOptions options) {
  if (!options.read_only) {
    MH_RETURN_IF_ERROR(files.CreateDirectories(options.directory));
  }
  Result<std::vector<std::string>> names = files.List(options.directory);
  if (options.read_only && names.status().code() == Code::kNotFound) {
    names = std::vector<std::string>();
  }
  MH_RETURN_IF_ERROR(names.status());
  std::set<uint32_t> segments;
  for (const std::string& name : *names) {
    if (const uint32_t number = ParseSegmentName(name); number != 0) {
      segments.insert(number);
    }
  }
  if (segments.contains(UINT32_MAX)) {
    return Status(Code::kResourceExhausted, "all segment numbers are used up");
  }
  if (!options.read_only) {
    // Never beside a writer: between a look at the size and the cut it may have written more.
    TrimLast(files, options.directory, segments);
  }
  return std::unique_ptr<BlobStore>(
      std::make_unique<SegmentBlobStore>(files, std::move(options), std::move(segments)));
}

}  // namespace mailhaul::store
