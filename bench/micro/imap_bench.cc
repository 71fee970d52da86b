// Cost of the IMAP codec on one core: bodies streamed past it, and FETCH responses decoded.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/check.h"
#include "connectors/imap/response_parser.h"

namespace mailhaul::imap {
namespace {

constexpr size_t kReadBytes = 64 * 1024;  // As they come from the socket.

// Feeds all of `text` as reads of kReadBytes and returns the number of responses.
size_t Feed(std::string_view text) {
  ResponseParser parser;
  uint64_t body_left = 0;
  size_t responses = 0;
  while (!text.empty()) {
    std::string_view input = text.substr(0, kReadBytes);
    text.remove_prefix(input.size());
    for (;;) {
      const auto taken = static_cast<size_t>(std::min<uint64_t>(body_left, input.size()));
      benchmark::DoNotOptimize(input.data());
      input.remove_prefix(taken);
      body_left -= taken;
      if (body_left > 0) {
        break;
      }
      const Result<ResponseParser::Event> event = parser.Next(&input);
      MH_CHECK(event.ok());
      if (*event == ResponseParser::Event::kNeedMore) {
        break;
      }
      if (*event == ResponseParser::Event::kBody) {
        body_left = parser.body_bytes();
      } else {
        ++responses;
      }
    }
  }
  return responses;
}

void Run(benchmark::State& state, const std::string& text) {
  size_t responses = 0;
  for (auto _ : state) {
    responses += Feed(text);
  }
  state.SetItemsProcessed(static_cast<int64_t>(responses));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

// Argument: bytes of one message.
void BM_ImapBodies(benchmark::State& state) {
  const std::string body(static_cast<size_t>(state.range(0)), 'x');
  std::string text;
  for (int uid = 1; text.size() < size_t{8} << 20; ++uid) {
    const std::string number = std::to_string(uid);
    text += "* " + number + " FETCH (UID " + number + " BODY[] {" + std::to_string(body.size()) +
            "}\r\n" + body + ")\r\n";
  }
  Run(state, text);
}
BENCHMARK(BM_ImapBodies)->Arg(4 * 1024)->Arg(64 * 1024)->Arg(1024 * 1024);

void BM_ImapFlags(benchmark::State& state) {
  std::string text;
  for (int uid = 1; uid <= 10'000; ++uid) {
    const std::string number = std::to_string(uid);
    text += "* " + number + " FETCH (UID " + number + " FLAGS (\\Seen))\r\n";
  }
  Run(state, text);
}
BENCHMARK(BM_ImapFlags);

void BM_ImapMetadata(benchmark::State& state) {
  std::string text;
  for (int uid = 1; uid <= 10'000; ++uid) {
    const std::string number = std::to_string(uid);
    text += "* " + number + " FETCH (UID " + number +
            " FLAGS (\\Answered \\Seen $Label1) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
            "RFC822.SIZE 44827 MODSEQ (715194045007))\r\n";
  }
  Run(state, text);
}
BENCHMARK(BM_ImapMetadata);

}  // namespace
}  // namespace mailhaul::imap
