// A file in the data directory while a process writes there: one that is found was left by an end
// that was not in order (a crash, a power cut, SIGKILL).
#pragma once

#include <string>

#include "base/result.h"
#include "store/file_system.h"

namespace mailhaul::app {

// Leaves the marker, durably. Whether it was there before. Once the store is locked for writing.
Result<bool> MarkRunning(store::FileSystem& files, const std::string& directory);
// The end was in order: takes the marker away. While the store is still locked.
Status MarkEnded(store::FileSystem& files, const std::string& directory);

}  // namespace mailhaul::app
