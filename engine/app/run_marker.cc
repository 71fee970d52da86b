#include "engine/app/run_marker.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace mailhaul::app {
namespace {

constexpr char kName[] = "running";

}  // namespace

Result<bool> MarkRunning(store::FileSystem& files, const std::string& directory) {
  MH_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  if (std::find(names.begin(), names.end(), kName) != names.end()) {
    return true;
  }
  MH_ASSIGN_OR_RETURN(const std::unique_ptr<store::File> file,
                      files.Create(directory + "/" + kName));
  MH_RETURN_IF_ERROR(file->Sync());
  MH_RETURN_IF_ERROR(files.SyncDirectory(directory));
  return false;
}

Status MarkEnded(store::FileSystem& files, const std::string& directory) {
  MH_RETURN_IF_ERROR(files.Remove(directory + "/" + kName));
  return files.SyncDirectory(directory);
}

}  // namespace mailhaul::app
