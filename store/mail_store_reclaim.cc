// Getting back the space of bodies that nobody refers to any more.
//
// A reference is deleted first, in a batch that expects it as it was read; its bytes go with their
// segment, when that holds no body that something refers to, after a grace period. Only segments
// that were idle when a pass began are looked at, so that all of their bodies were either referred
// to by then, and are counted, or are still on their way: UseSegment() takes such a segment out.
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "store/checked_body.h"
#include "store/compression.h"
#include "store/key_layout.h"
#include "store/mail_store_impl.h"
#include "store/segment.h"

namespace mailhaul::store {
namespace {

constexpr size_t kScanRows = 1000;
// Bodies moved in one step, and in one pass: what it costs is written again.
constexpr uint64_t kStepBytesMax = uint64_t{8} << 20;
constexpr uint64_t kPassBytesMax = uint64_t{256} << 20;
// Less waste is not worth writing anything again.
constexpr uint64_t kWasteBytesMin = uint64_t{64} << 10;
constexpr uint64_t kStreamedFrom = uint64_t{1} << 20;
constexpr size_t kPartBytes = size_t{256} << 10;
constexpr size_t kHashOffset = kKeyPrefixBytes + sizeof(uint32_t);
constexpr size_t kBlobKeyBytes = kHashOffset + sizeof(Sha256);

struct Reference {
  std::string key;
  std::string row;
  BlobReference value;

  Sha256 sha256() const {
    Sha256 hash;
    std::copy_n(key.begin() + kHashOffset, hash.size(), hash.begin());
    return hash;
  }
};

class Reclaimer final {
 public:
  explicit Reclaimer(MailStore::Impl& store) : store_(store), state_(store.reclaim) {}

  Result<bool> Step(const MailStore::ReclaimOptions& options) {
    MH_RETURN_IF_ERROR(store_.failed);
    const Status status = Run(options);
    if (!status.ok()) {
      // What was to be counted or moved may have been skipped: the next pass begins anew.
      state_.stage = ReclaimState::Stage::kIdle;
      state_.wanted = true;
      return status;
    }
    return state_.stage != ReclaimState::Stage::kIdle || (state_.wanted && options.may_begin);
  }

 private:
  Status Run(const MailStore::ReclaimOptions& options) {
    switch (state_.stage) {
      case ReclaimState::Stage::kIdle:
        MH_RETURN_IF_ERROR(DeleteDead(options));
        return state_.wanted && options.may_begin ? Begin() : Status::Ok();
      case ReclaimState::Stage::kCount:
        return Count();
      case ReclaimState::Stage::kMove:
        break;
    }
    return Move();
  }

  static std::string FirstKey() { return {static_cast<char>(Keyspace::kBlob)}; }

  Status DeleteDead(const MailStore::ReclaimOptions& options) {
    if (!options.may_delete) {
      return Status::Ok();
    }
    const TimePoint now = store_.clock.Now();
    for (auto dead = state_.dead.begin(); dead != state_.dead.end();) {
      if (now - dead->second < options.grace) {
        ++dead;
        continue;
      }
      MH_RETURN_IF_ERROR(store_.blobs.Remove(dead->first));
      dead = state_.dead.erase(dead);
    }
    return Status::Ok();
  }

  Status Begin() {
    state_.wanted = false;
    state_.segments.clear();
    MH_ASSIGN_OR_RETURN(const std::vector<BlobStore::IdleSegment> idle, store_.blobs.ListIdle());
    for (const BlobStore::IdleSegment& segment : idle) {
      state_.segments[segment.number].file_bytes = segment.bytes;
    }
    state_.stage = ReclaimState::Stage::kCount;
    state_.next = FirstKey();
    return Status::Ok();
  }

  // The next references, moving on behind them; `more`: others may follow.
  Result<std::vector<Reference>> Scan(bool& more) {
    std::vector<Reference> references;
    Status damaged;
    const auto add = [&](std::string_view key, std::string_view row) {
      const Result<BlobReference> value = key.size() == kBlobKeyBytes
                                              ? DecodeBlobReference(row)
                                              : Status(Code::kCorrupt, "not the key of a body");
      if (!value.ok()) {
        damaged = AtKey(value.status(), std::string(key));
        return false;
      }
      references.push_back({.key = std::string(key), .row = std::string(row), .value = *value});
      return true;
    };
    const ScanRequest request{.begin = state_.next,
                              .end = PrefixEnd(FirstKey()),
                              .descending = false,
                              .rows_max = kScanRows};
    const Result<bool> rest = store_.records.Scan(request, add);
    const Status status = rest.ok() ? damaged : rest.status();
    if (!status.ok()) {
      state_.dead.clear();  // Nothing is known of any segment.
      return status;
    }
    more = *rest;
    state_.next = references.empty() ? request.end : references.back().key + '\0';
    return references;
  }

  Status Count() {
    bool more = false;
    MH_ASSIGN_OR_RETURN(const std::vector<Reference> references, Scan(more));
    std::vector<Reference> unused;
    for (const Reference& reference : references) {
      if (reference.value.count == 0) {
        unused.push_back(reference);
      } else {
        CountLive(reference.value);
      }
    }
    const auto remove = [](Batch& batch, const Reference& reference) {
      batch.Delete(reference.key);
    };
    MH_ASSIGN_OR_RETURN(const std::vector<bool> removed, Commit(unused, remove));
    for (size_t i = 0; i < unused.size(); ++i) {
      if (!removed[i]) {
        CountLive(unused[i].value);  // Somebody refers to it again.
      }
    }
    if (!more) {
      Decide();
    }
    return Status::Ok();
  }

  void CountLive(const BlobReference& body) {
    const auto segment = state_.segments.find(body.location.segment);
    if (segment != state_.segments.end()) {
      segment->second.live_bytes += kBodyHeaderBytes + body.stored_bytes();
    }
  }

  // All references were counted.
  void Decide() {
    uint64_t to_move = 0;
    state_.moving.clear();
    for (const auto& [number, use] : state_.segments) {
      if (use.live_bytes == 0) {
        state_.dead.try_emplace(number, store_.clock.Now());
        continue;
      }
      state_.dead.erase(number);
      const uint64_t waste = use.file_bytes - std::min(use.file_bytes, use.live_bytes);
      if (waste > use.live_bytes && waste >= kWasteBytesMin &&
          to_move + use.live_bytes <= kPassBytesMax) {
        to_move += use.live_bytes;
        state_.moving.insert(number);
      }
    }
    state_.stage = state_.moving.empty() ? ReclaimState::Stage::kIdle : ReclaimState::Stage::kMove;
    state_.next = FirstKey();
  }

  // Writes one change of each reference that is still as it was read: one commit per shard. Which
  // of them were done.
  template <typename Change>
  Result<std::vector<bool>> Commit(std::span<const Reference> references, const Change& change) {
    std::vector<bool> done(references.size(), false);
    for (size_t begin = 0; begin < references.size();) {
      Batch batch;
      batch.shard = ShardOfKey(references[begin].key);
      size_t end = begin;
      for (; end < references.size() && ShardOfKey(references[end].key) == batch.shard; ++end) {
        batch.expectations.push_back({.key = references[end].key, .value = references[end].row});
        change(batch, references[end]);
      }
      const Status status = store_.CommitOne(std::move(batch));
      if (!status.ok() && status.code() != Code::kConflict) {
        return status;
      }
      std::fill(done.begin() + static_cast<std::ptrdiff_t>(begin),
                done.begin() + static_cast<std::ptrdiff_t>(end), status.ok());
      begin = end;
    }
    return done;
  }

  Status Move() {
    bool more = false;
    MH_ASSIGN_OR_RETURN(std::vector<Reference> references, Scan(more));
    std::vector<Reference> moved;
    std::vector<BlobReference> places;
    uint64_t bytes = 0;
    for (Reference& reference : references) {
      if (!state_.moving.contains(reference.value.location.segment)) {
        continue;
      }
      if (bytes >= kStepBytesMax) {
        state_.next = reference.key;
        more = true;
        break;
      }
      Result<BlobReference> place = Copy(reference);
      if (place.status().code() == Code::kCorrupt) {
        state_.moving.erase(reference.value.location.segment);  // `verify` shall find it here.
        continue;
      }
      if (!place.ok()) {
        return Fail(place.status());
      }
      bytes += place->stored_bytes();
      places.push_back(*place);
      moved.push_back(std::move(reference));
    }
    if (!moved.empty()) {
      const Status synced = store_.blobs.Sync();
      if (!synced.ok()) {
        return Fail(synced);
      }
      const auto replace = [&](Batch& batch, const Reference& reference) {
        const auto index = static_cast<size_t>(&reference - moved.data());
        batch.Put(reference.key, EncodeBlobReference(places[index]));
      };
      MH_RETURN_IF_ERROR(Commit(moved, replace).status());
    }
    if (!more) {
      state_.stage = ReclaimState::Stage::kIdle;
      state_.wanted = !state_.moving.empty();  // They have no live body now.
    }
    return Status::Ok();
  }

  Status Fail(const Status& status) {
    static_cast<void>(store_.blobs.Sync());  // Lets the blob store begin anew.
    if (status.code() == Code::kIo) {
      store_.failed = status;
    }
    return status;
  }

  // The reference to the copy.
  Result<BlobReference> Copy(const Reference& reference) {
    MH_ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source,
                        OpenChecked(store_.blobs, reference.value.location, reference.sha256()));
    BlobReference copy{.location = {}, .count = reference.value.count, .compressed = 0};
    if (source->size() >= kStreamedFrom) {
      MH_ASSIGN_OR_RETURN(const BlobStore::Writer::Finished finished,
                          CopyInParts(*source, reference.sha256()));
      copy.location = finished.location;
      copy.compressed = finished.compressed;
      return copy;
    }
    std::string body(source->size(), '\0');
    MH_ASSIGN_OR_RETURN([[maybe_unused]] const size_t got, source->ReadAt(0, body));
    // A copy gets a check of its own: it must not make a wrong body a right one.
    if (ComputeSha256(body) != reference.sha256()) {
      return Status(Code::kCorrupt, "the stored body is damaged; run `mailhaul verify`");
    }
    if (const std::optional<std::string> compressed = CompressBody(body)) {
      copy.compressed = static_cast<uint32_t>(compressed->size());
      MH_ASSIGN_OR_RETURN(copy.location, store_.blobs.AppendCompressed(*compressed, body.size(),
                                                                       reference.sha256()));
      return copy;
    }
    MH_ASSIGN_OR_RETURN(copy.location, store_.blobs.Append(body, reference.sha256()));
    return copy;
  }

  Result<BlobStore::Writer::Finished> CopyInParts(const ByteSource& source, const Sha256& sha256) {
    MH_ASSIGN_OR_RETURN(const std::unique_ptr<BlobStore::Writer> writer,
                        store_.blobs.Begin(source.size()));
    std::string part(kPartBytes, '\0');
    for (uint64_t offset = 0; offset < source.size();) {
      MH_ASSIGN_OR_RETURN(const size_t got, source.ReadAt(offset, part));
      MH_RETURN_IF_ERROR(writer->Append(std::string_view(part).substr(0, got)));
      offset += got;
    }
    MH_ASSIGN_OR_RETURN(const BlobStore::Writer::Finished finished, writer->Finish());
    if (finished.sha256 != sha256) {
      return Status(Code::kCorrupt, "a body changed while it was moved");
    }
    return finished;
  }

  MailStore::Impl& store_;
  ReclaimState& state_;
};

}  // namespace

Status MailStore::Impl::UseSegment(uint32_t segment) {
  reclaim.segments.erase(segment);
  reclaim.moving.erase(segment);
  reclaim.dead.erase(segment);
  return blobs.HasSegment(segment)
             ? Status::Ok()
             : Status(Code::kConflict, "a body waited so long that its segment was reclaimed");
}

Result<bool> MailStore::ReclaimBodies(const ReclaimOptions& options) {
  impl_->cache.Trim();
  return Reclaimer(*impl_).Step(options);
}

}  // namespace mailhaul::store
