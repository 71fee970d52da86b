// Two streams joined in memory, for tests and the simulator: what one writes the other reads.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "connectors/net/stream.h"

namespace mailhaul::net {

struct MemoryStreamOptions {
  size_t buffer_bytes_max = 64 * 1024;  // Per direction; a writer waits while it is full.
  size_t read_bytes_max = SIZE_MAX;     // What one Read() gives at most: 1 tests every split.
  // After so many bytes from the first to the second stream, or back, both sides break with
  // kUnreachable: a connection cut at that very byte.
  size_t cut_after_bytes_forward = SIZE_MAX;
  size_t cut_after_bytes_back = SIZE_MAX;
  // Simulated network: every chunk arrives this much later (loop timers).
  Duration latency{0};
  bool secure = false;  // What secure() says.
  // peer_name() as seen by the first stream, and by the second.
  std::string first_name = "memory";
  std::string second_name = "memory";
};

// Both belong to the current loop.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> MakeMemoryStreams(
    const MemoryStreamOptions& options);

}  // namespace mailhaul::net
