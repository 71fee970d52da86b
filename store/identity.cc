#include "store/identity.h"

#include <algorithm>
#include <string>

#include "store/sha256.h"

namespace mailhaul::store {

MessageIdentity ComputeIdentity(std::string_view header, uint64_t size) {
  thread_local Sha256Hasher hasher;
  hasher.Restart();
  hasher.Update(header);
  hasher.Update(std::to_string(size));
  const Sha256 digest = hasher.Finish();
  MessageIdentity identity;
  std::copy_n(digest.begin(), identity.size(), identity.begin());
  return identity;
}

}  // namespace mailhaul::store
