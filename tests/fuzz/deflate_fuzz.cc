// Arbitrary bytes through the inflater: the network's cuts and the reader's room must not change
// what comes out. And through both: what was deflated comes back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "connectors/net/deflate.h"

namespace mailhaul::net {
namespace {

// Past the free part, so that the limit on the ratio is met too.
constexpr size_t kGivenMax = kInflatedBytesFree + 64 * 1024;

struct Outcome {
  std::string bytes;
  bool failed = false;
  bool ended = false;
};

// In pieces of `step` bytes, `space` bytes at a time.
Outcome Inflate(std::string_view input, size_t step, size_t space) {
  Inflater inflater;
  Outcome outcome;
  std::string out(space, '\0');
  while (!input.empty() && !inflater.ended()) {
    std::string_view piece = input.substr(0, step);
    input.remove_prefix(piece.size());
    size_t given = space;
    while (given > 0) {
      const Result<size_t> count = inflater.Inflate(piece, out);
      outcome.failed = !count.ok();
      if (outcome.failed || outcome.bytes.size() > kGivenMax) {
        return outcome;
      }
      given = *count;
      outcome.bytes.append(out, 0, given);
    }
    MH_CHECK(piece.empty() || inflater.ended());
  }
  outcome.ended = inflater.ended();
  return outcome;
}

void FuzzOne(std::string_view input) {
  if (input.size() < 2) {
    return;
  }
  const size_t step = static_cast<unsigned char>(input[0]) + size_t{1};
  const size_t space = static_cast<unsigned char>(input[1]) * size_t{64} + 1;
  input.remove_prefix(2);
  const Outcome whole = Inflate(input, input.size(), 65536);
  const Outcome pieces = Inflate(input, step, space);
  if (std::max(whole.bytes.size(), pieces.bytes.size()) <= kInflatedBytesFree) {
    MH_CHECK(whole.bytes == pieces.bytes);
    MH_CHECK(whole.failed == pieces.failed && whole.ended == pieces.ended);
  }
  Deflater deflater;
  std::string compressed;
  deflater.Deflate(input.substr(0, input.size() / 2), compressed);
  deflater.Deflate(input.substr(input.size() / 2), compressed);
  MH_CHECK(Inflate(compressed, step, space).bytes == input);
}

}  // namespace
}  // namespace mailhaul::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mailhaul::net::FuzzOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
