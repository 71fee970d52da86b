#include "store/body_check.h"

#include <xxhash.h>

namespace mailhaul::store {

uint64_t ComputeBodyCheck(std::string_view stored) {
  return XXH3_64bits(stored.data(), stored.size());
}

}  // namespace mailhaul::store
