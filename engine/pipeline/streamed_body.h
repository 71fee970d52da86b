// One large message on its way to the blob store, in parts, while it arrives.
//
// Parts are compressed on the CPU arena one after the other and written beside the committer. Where
// the disk is slow the session runs ahead by some parts, as far as the memory budget has room, so
// that sessions do not all wait for one write.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/net/task.h"
#include "engine/mime/structure.h"
#include "engine/pipeline/content_mapper.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/fronted_source.h"

namespace mailhaul::pipeline {

inline constexpr size_t kPartBytes = size_t{1} << 20;
// Of a message that is still arriving. Others are scanned again once they are there.
inline constexpr size_t kStructureBytesMax = size_t{1} << 20;
// Its first bytes stay in memory until it has been parsed.
inline constexpr size_t kFrontBytesMax = size_t{64} << 10;
// What its owner holds of the budget: one part fills, one is compressed, and its compressed bytes;
// the message's structure and its front. Parts ahead are taken from the budget besides.
inline constexpr size_t kStreamedBodyBytes = 3 * kPartBytes + kStructureBytesMax + kFrontBytesMax;

// Loop thread, where not said otherwise. May be dropped at any time: what is under way then ends by
// itself, and leaves a hole in the blob store.
class StreamedBody final : public std::enable_shared_from_this<StreamedBody> {
 public:
  // `cpu`: where its parts are prepared. No `size`: it is not known. The failure to begin it is
  // told by a later call.
  static std::shared_ptr<StreamedBody> Start(Context& context, const WorkLane& cpu,
                                             std::optional<uint64_t> size);
  ~StreamedBody();
  StreamedBody(const StreamedBody&) = delete;
  StreamedBody& operator=(const StreamedBody&) = delete;

  // Takes `bytes` before it completes. The first failure of any part.
  net::Task<Status> Append(std::string_view bytes);
  // Once, after the last byte: completes when all of it is written.
  net::Task<Status> Finish();

  // After Finish(), any thread.
  const store::BlobStore::Writer::Finished& finished() const { return *finished_; }
  const FrontedSource& source() const { return *source_; }
  // See source().failure() then.
  ParsedContent Parse(Uid uid) const;

 private:
  StreamedBody(Context& context, const WorkLane& cpu, std::optional<uint64_t> size);

  void HandOver();
  void SubmitParts();
  net::Task<void> AwaitWritten();
  void OnWritten(const Status& status);
  // Any thread.
  void Begin();
  void PrepareParts();
  Status PrepareOne(std::string part);
  void Tell(const Status& status);
  void Scan(std::string_view part);
  void KeepFront(std::string_view part);
  std::unique_ptr<FrontedSource> MakeSource();

  Context& context_;
  const WorkLane cpu_;
  net::Loop& loop_;
  const std::optional<uint64_t> size_;

  std::string filling_;
  size_t unwritten_ = 0;  // Parts handed over, and the begin.
  size_t extra_ = 0;      // Parts for which more of the budget was taken.
  uint64_t received_ = 0;
  Status failure_;
  net::OneShot<bool> written_;

  std::mutex mutex_;
  std::deque<std::string> parts_;  // Guarded by mutex_. To be compressed.
  bool preparing_ = true;          // Guarded by mutex_. Somebody takes them, or will.

  // Of who prepares, and then of whoever has seen all written.
  std::unique_ptr<store::BlobStore::Writer> writer_;
  std::unique_ptr<mime::StructureScanner> scanner_;  // Null: it grew too large.
  std::string front_;                                // Until there is `source_`.
  std::optional<store::BlobStore::Writer::Finished> finished_;
  std::unique_ptr<FrontedSource> source_;
};

}  // namespace mailhaul::pipeline
