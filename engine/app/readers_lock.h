// data_dir/readers.lock: keeps segments from being deleted while another process reads them.
//
// Whoever opens the store beside its writer, or copies or audits its segments, shares the lock,
// from before it looks at the records; the writer deletes segments only while nobody does.
#pragma once

#include <optional>
#include <string>

namespace mailhaul::app {

class ReadersLock final {
 public:
  // Waits for the writer, which holds it for moments only. Where the lock cannot be had, as in a
  // directory that must not be written to, it locks nothing.
  static ReadersLock Share(const std::string& data_dir);
  // Absent: somebody reads, or it cannot be told.
  static std::optional<ReadersLock> TryExclude(const std::string& data_dir);

  ReadersLock(ReadersLock&& other) noexcept;
  ReadersLock& operator=(ReadersLock&& other) noexcept;
  ~ReadersLock();

 private:
  explicit ReadersLock(int fd) : fd_(fd) {}

  int fd_;  // Negative: none. Closing it gives the lock back.
};

}  // namespace mailhaul::app
