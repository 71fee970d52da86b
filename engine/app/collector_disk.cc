// The disk's reserve: before it is full nothing is collected any more, until there is room again.
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "engine/app/collector.h"

namespace mailhaul::app {
namespace {

constexpr Duration kDiskWatchEvery = std::chrono::seconds(10);
// How long an answer holds: grants may be many in a second.
constexpr Duration kDiskLookHolds = std::chrono::seconds(1);

}  // namespace

Collector::DiskRoom Collector::Disk() const {
  DiskRoom room;
  room.collecting_paused = disk_low_;
  if (options_.files != nullptr) {
    const Result<uint64_t> free = options_.files->FreeBytes(config_.data_dir);
    room.free_bytes = free.ok() ? std::optional<uint64_t>(*free) : std::nullopt;
  }
  return room;
}

// Where it cannot be told, the store finds out when it writes.
bool Collector::DiskIsLow() {
  const TimePoint now = context_.clock.Now();
  if (disk_looked_at_ != TimePoint::min() && now - disk_looked_at_ < kDiskLookHolds) {
    return disk_low_;
  }
  disk_looked_at_ = now;
  const std::optional<uint64_t> free = Disk().free_bytes;
  const bool low = free.has_value() && *free < (disk_low_ ? kDiskFreeAgain : kDiskFreeMin);
  if (std::exchange(disk_low_, low) != low) {
    const std::string place = EscapeForLog(config_.data_dir);
    if (low) {
      LogWarning("disk_full: less than " + FormatByteSize(kDiskFreeMin) + " are free at " + place +
                 "; nothing is collected until there are " + FormatByteSize(kDiskFreeAgain));
    } else {
      LogInfo("there is room at " + place + " again: collecting goes on");
    }
  }
  return disk_low_;
}

void Collector::ParkForDisk(MailboxState& mailbox) {
  const Status status(Code::kDiskFull, "less than " + FormatByteSize(kDiskFreeMin) +
                                           " are free at " + EscapeForLog(config_.data_dir) +
                                           "; collecting goes on by itself when there is room");
  ParkMailbox(mailbox, kDiskFull, status);
  parked_for_disk_.emplace(mailbox.id, &mailbox);
  if (!options_.continuous && !mailbox.batch_over) {
    EndBatchFor(mailbox, status, /*deferred=*/false);
  }
}

void Collector::WatchDisk() {
  disk_timer_ = 0;
  if (options_.files == nullptr || !options_.continuous || stopping_) {
    return;
  }
  if (!DiskIsLow() && !parked_for_disk_.empty()) {
    for (const auto& [id, mailbox] : std::exchange(parked_for_disk_, {})) {
      Unpark(*mailbox);
    }
    Pump();
  }
  disk_timer_ = main_.AddTimer(context_.clock.Now() + kDiskWatchEvery, [this] { WatchDisk(); });
}

}  // namespace mailhaul::app
