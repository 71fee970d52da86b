// A MailStore over RocksDB and segments on one disk that loses power, fills up or fails.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "store/framed_body.h"
#include "store/mail_store.h"
#include "store/memory_file_system.h"
#include "store/rocksdb_store.h"
#include "tests/store/expect_sound.h"

namespace mailhaul::store {

// Moves with every sync of the slow disk, on RocksDB's threads too.
class DiskClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(Duration(now_.load())); }
  WallTime WallNow() const override { return WallTime(std::chrono::milliseconds(0)); }
  void Advance(Duration by) { now_.fetch_add(by.count()); }

 private:
  std::atomic<Duration::rep> now_{0};
};

class PowerStore final {
 public:
  // So small that table files are written and compacted all the time.
  static constexpr size_t kWriteBuffersBytes = size_t{1} << 20;
  static constexpr uint64_t kSegmentBytesMax = uint64_t{256} << 10;
  static constexpr std::chrono::milliseconds kSyncTime{300};

  // Refuses to write below `reserve` bytes of room.
  explicit PowerStore(uint64_t reserve = 0) : reserve_(reserve) {
    files_.KeepWritesInOrder("/data/records");
    files_.OnSync([this] { clock_.Advance(kSyncTime); });
  }

  Status Open() {
    MH_ASSIGN_OR_RETURN(records_,
                        OpenRocksDb("/data/records", {.epoch = 0,
                                                      .free_bytes_min = reserve_,
                                                      .write_buffers_bytes = kWriteBuffersBytes,
                                                      .files = &files_}));
    MH_ASSIGN_OR_RETURN(blobs_, BlobStore::Open(files_, {.directory = "/data/blobs",
                                                         .segment_bytes_max = kSegmentBytesMax,
                                                         .free_bytes_min = reserve_,
                                                         .frame_bytes = kFrameBytesMin}));
    MH_ASSIGN_OR_RETURN(mail_, MailStore::Open(*records_, *blobs_, clock_));
    return Status::Ok();
  }
  void Close() {
    mail_.reset();
    blobs_.reset();
    records_.reset();
  }
  // The power goes, if it has not gone, and comes back.
  void LosePower(Random& random) {
    files_.Freeze();
    Close();
    files_.DropUnsynced(random);
  }

  void ExpectSound() { store::ExpectSound(*records_, files_, "/data/blobs"); }

  MemoryFileSystem& files() { return files_; }
  MailStore& mail() { return *mail_; }

 private:
  const uint64_t reserve_;
  DiskClock clock_;
  MemoryFileSystem files_;
  std::unique_ptr<EmbeddedStore> records_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<MailStore> mail_;
};

}  // namespace mailhaul::store
