// The last part of a conversation that the server ends.
#pragma once

#include "base/clock.h"
#include "connectors/net/stream.h"
#include "connectors/net/task.h"

namespace mailhaul::net {

inline constexpr size_t kFarewellBytesMax = size_t{64} << 10;

// Reads, and throws away, until the peer has ended its side, the stream has failed, `deadline` has
// come or the peer has sent kFarewellBytesMax. A server counts a connection until it has ended it,
// so who closes first and dials again may find it still counted.
Task<void> AwaitEnd(Stream& stream, TimePoint deadline);

}  // namespace mailhaul::net
