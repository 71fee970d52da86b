#include "connectors/net/memory_stream.h"

#include <gtest/gtest.h>

#include "connectors/net/virtual_loop.h"
#include "tests/net/coroutine_assert.h"

namespace mailhaul::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kText = "The quick brown fox jumps over the lazy dog";

// What a reader saw until the end or a failure.
struct Seen {
  std::string bytes;
  size_t reads = 0;
  Status end;
  TimePoint ended_at{};
};

Task<void> WriteAll(Stream& stream, std::string_view bytes, Status* status) {
  *status = co_await stream.Write(bytes);
}

Task<void> WriteAndClose(std::unique_ptr<Stream> stream, std::string_view bytes, Status* status) {
  *status = co_await stream->Write(bytes);
  co_await stream->Close();
}

Task<void> ReadAll(Stream& stream, size_t space, Seen* seen) {
  std::string buffer(space, '\0');
  while (true) {
    const std::span<char> out(buffer);
    const Result<size_t> count = co_await stream.Read(out);
    if (!count.ok() || *count == 0) {
      seen->end = count.status();
      break;
    }
    seen->bytes.append(buffer, 0, *count);
    ++seen->reads;
  }
  seen->ended_at = Loop::Current()->Now();
}

class MemoryStreamTest : public ::testing::Test {
 protected:
  using Pair = std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>;

  // Makes a pair, starts `spawn` on the loop, and runs until nothing is left to do.
  void Run(const MemoryStreamOptions& options,
           const std::function<void(Pair&, TaskGroup&)>& spawn) {
    loop_.Post([&] {
      streams_ = MakeMemoryStreams(options);
      spawn(streams_, group_);
    });
    loop_.RunUntil([] { return false; });
    ended_ = group_.running() == 0;
  }
  void TearDown() override {
    EXPECT_EQ(group_.running(), 0U);
    loop_.Post([&] { streams_ = {}; });
    loop_.RunUntil([] { return false; });
  }

  VirtualClock clock_{WallTime(seconds(1'700'000'000))};
  VirtualLoop loop_{clock_};
  TaskGroup group_;
  Pair streams_;
  bool ended_ = false;
};

TEST_F(MemoryStreamTest, EverySplitOfReadsAndBuffersGivesTheSameBytes) {
  for (size_t read_max = 1; read_max <= kText.size() + 1; ++read_max) {
    for (const size_t buffer_max : {size_t{1}, size_t{7}, size_t{1000}}) {
      Seen seen;
      Status written;
      Run({.buffer_bytes_max = buffer_max, .read_bytes_max = read_max},
          [&](Pair& pair, TaskGroup& group) {
            group.Spawn(ReadAll(*pair.second, 64, &seen));
            group.Spawn(WriteAndClose(std::move(pair.first), kText, &written));
          });
      EXPECT_TRUE(ended_);
      EXPECT_TRUE(written.ok()) << written.ToString();
      EXPECT_TRUE(seen.end.ok()) << seen.end.ToString();
      EXPECT_EQ(seen.bytes, kText);
      const size_t step = std::min(read_max, buffer_max);
      EXPECT_GE(seen.reads, (kText.size() + step - 1) / step);
    }
  }
}

TEST_F(MemoryStreamTest, ACutAtEachByteDeliversWhatCameBeforeAndBreaksBothSides) {
  for (size_t cut = 0; cut < kText.size(); ++cut) {
    Seen forward;
    Seen back;
    Status written;
    Run({.cut_after_bytes_forward = cut}, [&](Pair& pair, TaskGroup& group) {
      group.Spawn(ReadAll(*pair.second, 5, &forward));
      group.Spawn(ReadAll(*pair.first, 5, &back));
      group.Spawn(WriteAll(*pair.first, kText, &written));
    });
    EXPECT_TRUE(ended_);
    EXPECT_EQ(forward.bytes, kText.substr(0, cut));
    EXPECT_EQ(forward.end.code(), Code::kUnreachable);
    EXPECT_EQ(back.end.code(), Code::kUnreachable);
    EXPECT_EQ(written.code(), Code::kUnreachable);
  }
}

TEST_F(MemoryStreamTest, ACutOnTheWayBackBreaksTheWriterOnTheWayForth) {
  Status forth;
  Status back;
  Run({.buffer_bytes_max = 8, .cut_after_bytes_back = 3}, [&](Pair& pair, TaskGroup& group) {
    group.Spawn(WriteAll(*pair.first, kText, &forth));  // Waits for room.
    group.Spawn(WriteAll(*pair.second, "abcdef", &back));
  });
  EXPECT_TRUE(ended_);
  EXPECT_EQ(forth.code(), Code::kUnreachable);
  EXPECT_EQ(back.code(), Code::kUnreachable);
}

TEST_F(MemoryStreamTest, AWriteThatEndsExactlyAtTheCutSucceeds) {
  Status first;
  Status second;
  Run({.cut_after_bytes_forward = 4}, [&](Pair& pair, TaskGroup& group) {
    group.Spawn(WriteAll(*pair.first, "abcd", &first));
    group.Spawn(WriteAll(*pair.first, "e", &second));
  });
  EXPECT_TRUE(first.ok());
  EXPECT_EQ(second.code(), Code::kUnreachable);
}

TEST_F(MemoryStreamTest, ChunksArriveLaterByTheLatency) {
  Seen seen;
  Status written;
  const TimePoint start = loop_.Now();
  Run({.latency = milliseconds(30)}, [&](Pair& pair, TaskGroup& group) {
    group.Spawn(ReadAll(*pair.second, 64, &seen));
    group.Spawn(WriteAndClose(std::move(pair.first), kText, &written));
  });
  EXPECT_EQ(seen.bytes, kText);
  EXPECT_EQ(seen.ended_at - start, milliseconds(30));
}

TEST_F(MemoryStreamTest, ReadsFailWhenTheDeadlinePassesAndEverAfter) {
  Seen seen;
  Seen later;
  const TimePoint start = loop_.Now();
  Run({}, [&](Pair& pair, TaskGroup& group) {
    pair.second->SetDeadline(start + seconds(1));
    group.Spawn(ReadAll(*pair.second, 64, &seen));
    pair.second->SetDeadline(start + seconds(60));  // While it waits: later, then earlier.
    pair.second->SetDeadline(start + seconds(20));
  });
  EXPECT_EQ(seen.end.code(), Code::kTimeout);
  EXPECT_EQ(seen.ended_at - start, seconds(20));
  streams_.second->SetDeadline(TimePoint::max());
  loop_.Await(ReadAll(*streams_.second, 64, &later));
  EXPECT_EQ(later.end.code(), Code::kTimeout);
}

TEST_F(MemoryStreamTest, ADeadlineThatPassesWhileNothingWaitsFailsTheNextOperation) {
  Seen seen;
  Run({}, [&](Pair& pair, TaskGroup&) { pair.first->SetDeadline(loop_.Now() + seconds(1)); });
  clock_.AdvanceTo(loop_.Now() + seconds(2));
  loop_.Await(ReadAll(*streams_.first, 64, &seen));
  EXPECT_EQ(seen.end.code(), Code::kTimeout);
}

TEST_F(MemoryStreamTest, AWriterWaitsForRoomUntilTheDeadline) {
  Status written;
  Run({.buffer_bytes_max = 10}, [&](Pair& pair, TaskGroup& group) {
    pair.first->SetDeadline(loop_.Now() + seconds(3));
    group.Spawn(WriteAll(*pair.first, kText, &written));
  });
  EXPECT_EQ(written.code(), Code::kTimeout);
}

TEST_F(MemoryStreamTest, AbortFailsPendingAndLaterOperationsAndBreaksThePeer) {
  Seen seen;
  Seen peer;
  Status later;
  Run({}, [&](Pair& pair, TaskGroup& group) {
    group.Spawn(ReadAll(*pair.first, 64, &seen));
    group.Spawn(ReadAll(*pair.second, 64, &peer));
    pair.first->Abort();
    group.Spawn(WriteAll(*pair.first, "x", &later));
  });
  EXPECT_EQ(seen.end.code(), Code::kCancelled);
  EXPECT_EQ(later.code(), Code::kCancelled);
  EXPECT_EQ(peer.end.code(), Code::kUnreachable);
}

TEST_F(MemoryStreamTest, AWriterThatWaitsForRoomLearnsThatItsReaderHasGone) {
  Status written;
  Run({.buffer_bytes_max = 4}, [&](Pair& pair, TaskGroup& group) {
    group.Spawn(WriteAll(*pair.first, kText, &written));
    pair.second.reset();
  });
  EXPECT_TRUE(ended_);
  EXPECT_EQ(written.code(), Code::kUnreachable);
}

TEST_F(MemoryStreamTest, ADestroyedStreamEndsThePeersInput) {
  Seen seen;
  Run({}, [&](Pair& pair, TaskGroup& group) {
    group.Spawn(ReadAll(*pair.second, 64, &seen));
    pair.first.reset();
  });
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(seen.end.ok());
  EXPECT_EQ(seen.bytes, "");
}

TEST_F(MemoryStreamTest, OptionsSayWhoThePeerIsAndWhetherItIsSecure) {
  Run({.secure = true, .first_name = "imap.example.com"}, [](Pair&, TaskGroup&) {});
  EXPECT_TRUE(streams_.first->secure());
  EXPECT_EQ(streams_.first->peer_name(), "imap.example.com");
}

}  // namespace
}  // namespace mailhaul::net
