// What a configuration file refers to outside itself: environment variables and other files.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/config/config.h"

namespace mailhaul::config {

struct FileText {
  std::string bytes;
  bool readable_by_others = false;  // IsReadableByOthers()
};

// Whether a file with secrets is open to more than its owner. A file of root's may be open to its
// group: that is how an administrator gives it to a service which may not change it.
bool IsReadableByOthers(mode_t mode, uid_t owner);
inline constexpr std::string_view kModeThatMends = "mode 600 mends that, or 640 if root owns it";

// Parsing asks only this for anything outside the text, so that it can be tested and fuzzed alone.
class References {
 public:
  virtual ~References() = default;
  // False: what it says comes from somebody who may not read the environment and the files of this
  // process, and a reference to them is an error.
  virtual bool are_allowed() const { return true; }
  virtual const char* Environment(const std::string& name) = 0;  // Null: not set.
  // The message of a failure is the reason alone, without `path`.
  virtual Result<FileText> ReadFile(const std::string& path, size_t bytes_max) = 0;
};

class SystemReferences final : public References {
 public:
  explicit SystemReferences(EnvironmentLookup environment) : environment_(environment) {}
  const char* Environment(const std::string& name) override;
  // Regular files only: a pipe or device could block or never end.
  Result<FileText> ReadFile(const std::string& path, size_t bytes_max) override;

 private:
  EnvironmentLookup environment_;
};

// `path` as seen from the folder of `file`, which names it.
std::string ResolvePath(const std::string& file, const std::string& path);

// "cannot read PATH: reason", safe to show.
std::string CannotRead(const std::string& path, const Status& failure);

}  // namespace mailhaul::config
