#include "engine/config/config.h"

#include "base/text.h"

namespace mailhaul::config {
namespace {

constexpr size_t kShownPathBytesMax = 4096;

}  // namespace

const HostLimits& Config::LimitsOf(const std::string& host) const {
  const auto found = hosts.find(AsciiLowered(host));
  return found == hosts.end() ? default_limits : found->second;
}

std::string Problem::ToString() const {
  std::string text = EscapeForLog(file, kShownPathBytesMax);
  if (line > 0) {
    text += ":" + std::to_string(line) + ":" + std::to_string(column);
  }
  return text + (warning ? ": warning: " : ": ") + message;
}

}  // namespace mailhaul::config
