// Raw messages, each body written once: append-only segment files beside the key-value store.
//
// A body is durable once Sync() returned; only then may a batch refer to it. Bodies that no batch
// refers to (a crash in between) are holes that compaction may reclaim. Segments are never appended
// to after a restart. Byte layout: README.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/result.h"
#include "store/file_system.h"

namespace mailhaul::store {

using Sha256 = std::array<unsigned char, 32>;
Sha256 ComputeSha256(std::string_view bytes);

// Where a body lies. `size` is the message's own size.
struct BlobLocation {
  uint32_t segment = 0;
  uint64_t offset = 0;  // Of the first body byte.
  uint64_t size = 0;
  friend bool operator==(const BlobLocation&, const BlobLocation&) = default;
};

struct BlobStoreOptions {
  std::string directory;
  uint64_t segment_bytes_max = uint64_t{256} << 20;  // A larger body gets a segment of its own.
  // Left free on the disk, so that records can still be written and compacted: below it every
  // write is refused with kDiskFull.
  uint64_t free_bytes_min = uint64_t{64} << 20;
  size_t frame_bytes = size_t{128} << 10;  // kFrameBytes of framed_body.h; tests take smaller ones.
  // Another process may be writing: no file is touched, a missing directory holds no bodies, and
  // every write is refused with kInvalidArgument.
  bool read_only = false;
};

// Append, Sync and reclaiming: one thread (the committer's). Begin and writers: any thread, with
// one call of a writer after the other, beside those of others and of the committer. Reads: any
// thread.
class BlobStore {
 public:
  // A body that arrives in parts, which are compressed if its beginning becomes smaller. Destroying
  // it unfinished leaves a hole. Dies before its store.
  class Writer {
   public:
    virtual ~Writer() = default;
    // Hashes and compresses the next part and returns what is to be written of it. Any thread, but
    // one call after the other. Each is followed by its Write(), in the same order, which may come
    // while later parts are prepared. kInvalidArgument: more than the announced size in all.
    virtual Result<std::string> Prepare(std::string part) = 0;
    virtual Status Write(std::string_view prepared) = 0;
    // Both at once.
    Status Append(std::string_view part) {
      MH_ASSIGN_OR_RETURN(const std::string prepared, Prepare(std::string(part)));
      return Write(prepared);
    }
    // All parts were written: where the body lies, readable from now on, and its hash.
    struct Finished {
      BlobLocation location;
      uint32_t compressed = 0;  // Bytes in the segment, if it is compressed there; else 0.
      Sha256 sha256{};
    };
    virtual Result<Finished> Finish() = 0;
  };

  static Result<std::unique_ptr<BlobStore>> Open(FileSystem& files, BlobStoreOptions options);
  virtual ~BlobStore() = default;

  virtual Result<BlobLocation> Append(std::string_view body, const Sha256& sha256) = 0;
  // `compressed`: CompressBody() of a body of `size` bytes, with the hash of the body itself.
  virtual Result<BlobLocation> AppendCompressed(std::string_view compressed, uint64_t size,
                                                const Sha256& sha256) = 0;
  // Without a size any number of bytes may follow. The body has a segment to itself meanwhile.
  virtual Result<std::unique_ptr<Writer>> Begin(std::optional<uint64_t> size) = 0;
  // Everything appended or finished so far is durable. After kDiskFull what Append() took since the
  // last success is lost, and new bodies may be appended; after kIo all further calls fail.
  virtual Status Sync() = 0;
  struct Opened {
    std::unique_ptr<ByteSource> body;
    bool checked = false;  // It is whole; else its hash must be compared.
  };
  // kCorrupt: no such body lies there, or it is damaged.
  virtual Result<Opened> Open(const BlobLocation& location, const Sha256& sha256) const = 0;

  // Reclaiming; the writer's thread. Segments that nothing is written to any more, but for the last
  // one: its number must not be given out again.
  struct IdleSegment {
    uint32_t number = 0;
    uint64_t bytes = 0;  // Of the file.
  };
  virtual Result<std::vector<IdleSegment>> ListIdle() const = 0;
  virtual bool HasSegment(uint32_t segment) const = 0;
  // With all bodies in it. Whoever has one open can go on reading it.
  virtual Status Remove(uint32_t segment) = 0;

  virtual uint64_t bytes_written() const = 0;  // Since Open(), headers and padding included.
};

}  // namespace mailhaul::store
