#include "connectors/net/await_end.h"

#include <array>

namespace mailhaul::net {

Task<void> AwaitEnd(Stream& stream, TimePoint deadline) {
  stream.SetDeadline(deadline);
  std::array<char, 512> ignored{};
  for (size_t read = 0; read < kFarewellBytesMax;) {
    const Result<size_t> count = co_await stream.Read(ignored);
    if (!count.ok() || *count == 0) {
      co_return;
    }
    read += *count;
  }
}

}  // namespace mailhaul::net
