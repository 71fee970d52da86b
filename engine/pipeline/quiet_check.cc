#include "engine/pipeline/quiet_check.h"

#include <algorithm>
#include <functional>
#include <string>

#include "engine/pipeline/source_changes.h"

namespace mailhaul::pipeline {

uint64_t DigestListing(const std::vector<FolderInfo>& listed) {
  std::string text;
  for (const FolderInfo& folder : listed) {
    if (!folder.status.has_value()) {
      return 0;
    }
    const FolderStatus& status = *folder.status;
    text += folder.wire_name;
    for (const uint64_t number :
         {uint64_t{status.uid_validity}, uint64_t{status.uid_next}, uint64_t{status.messages},
          uint64_t{status.unseen}, status.modseq, static_cast<uint64_t>(folder.role)}) {
      text += ' ' + std::to_string(number);
    }
    text += '\n';  // No name holds one.
  }
  return std::max<uint64_t>(std::hash<std::string>()(text), 1);
}

WallTime QuietUntil(const std::vector<VisitFolder>& folders, WallTime now) {
  WallTime until = now + kQuietMax;
  for (const VisitFolder& folder : folders) {
    if (folder.info.status->modseq == 0) {
      until = std::min<WallTime>(until, folder.record.flags_checked_at + kFlagScanEvery);
    }
  }
  return until;
}

}  // namespace mailhaul::pipeline
