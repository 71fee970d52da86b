#include "connectors/sasl/secret_text.h"

#include <algorithm>
#include <string>
#include <utility>

namespace mailhaul::sasl {

Secret Concatenate(std::initializer_list<std::string_view> parts) {
  // Never a short string: moving one copies its bytes. And never grown, which copies them too.
  constexpr size_t kHeapBytesMin = 64;
  size_t size = 0;
  for (const std::string_view part : parts) {
    size += part.size();
  }
  std::string text;
  text.reserve(std::max(size, kHeapBytesMin));
  for (const std::string_view part : parts) {
    text += part;
  }
  return Secret(std::move(text));
}

}  // namespace mailhaul::sasl
