#include "engine/app/secrets.h"

#include <utility>

#include "base/check.h"

namespace mailhaul::app {

std::optional<store::SecretBox> BoxOf(const config::Config& config) {
  static_assert(config::kMasterKeyBytes == store::kMasterKeyBytes);
  if (config.master_key.empty()) {
    return std::nullopt;
  }
  Result<store::SecretBox> box = store::SecretBox::FromKey(config.master_key);
  MH_CHECK(box.ok());
  return std::move(box).value();
}

}  // namespace mailhaul::app
