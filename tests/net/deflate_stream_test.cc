#include "connectors/net/deflate_stream.h"

#include <gtest/gtest.h>

#include "connectors/net/deflate.h"
#include "connectors/net/memory_stream.h"
#include "connectors/net/virtual_loop.h"
#include "tests/net/coroutine_assert.h"

namespace mailhaul::net {
namespace {

using std::chrono::seconds;

constexpr std::string_view kFetch = "* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\na1 OK done\r\n";

std::string Compressed(std::string_view bytes) {
  Deflater deflater;
  std::string out;
  deflater.Deflate(bytes, out);
  return out;
}

// What a reader saw until the end or a failure.
struct Seen {
  std::string bytes;
  size_t read_bytes_max = 0;
  Status end{Code::kInternal, "not run"};
  TimePoint ended_at{};
};

Task<void> ReadAll(Stream& stream, size_t space, Seen* seen) {
  std::string buffer(space, '\0');
  const std::span<char> out(buffer);
  while (true) {
    const Result<size_t> count = co_await stream.Read(out);
    seen->end = count.status();
    if (!count.ok() || *count == 0) {
      break;
    }
    seen->bytes.append(buffer, 0, *count);
    seen->read_bytes_max = std::max(seen->read_bytes_max, *count);
  }
  seen->ended_at = Loop::Current()->Now();
}

Task<void> WriteAndClose(std::unique_ptr<Stream> stream, std::string bytes, Status* status) {
  *status = co_await stream->Write(bytes);
  co_await stream->Close();
}

Task<void> ReadAndClose(std::unique_ptr<Stream> stream, size_t space, Seen* seen) {
  co_await ReadAll(*stream, space, seen);
  co_await stream->Close();
}

Task<void> BothWays(std::unique_ptr<Stream> stream, std::string bytes, Seen* seen) {
  TaskGroup group;
  Status written;
  group.Spawn(ReadAll(*stream, 5000, seen));
  written = co_await stream->Write(bytes);
  EXPECT_TRUE(written.ok()) << written.ToString();
  // The reader has all when the other side's bytes are there; it waits for more.
  while (seen->bytes.size() < bytes.size() && group.running() > 0) {
    const TimePoint soon = Loop::Current()->Now() + seconds(1);
    co_await SleepUntil(soon);
  }
  stream->Abort();
  co_await group.Drain();
  co_await stream->Close();
}

class DeflateStreamTest : public ::testing::Test {
 protected:
  void Drive(const std::function<void()>& start) {
    loop_.Post(start);
    loop_.RunUntil([] { return false; });
    EXPECT_EQ(group_.running(), 0U);
  }

  // What a deflate stream reads when the peer sends `wire` and closes.
  Seen ReadWire(const std::string& wire, const MemoryStreamOptions& options, size_t space,
                const std::string& received = "") {
    Seen seen;
    Status written;
    Drive([&] {
      auto [first, second] = MakeMemoryStreams(options);
      group_.Spawn(WriteAndClose(std::move(second), wire, &written));
      group_.Spawn(ReadAndClose(MakeDeflateStream(std::move(first), received), space, &seen));
    });
    return seen;
  }

  VirtualClock clock_{WallTime(seconds(1'700'000'000))};
  VirtualLoop loop_{clock_};
  TaskGroup group_;
};

TEST_F(DeflateStreamTest, ReadsTheSameBytesInEverySplit) {
  const std::string wire = Compressed(kFetch);
  for (size_t read_max = 1; read_max <= wire.size(); ++read_max) {
    for (const size_t space : {size_t{1}, size_t{3}, size_t{4096}}) {
      const Seen seen = ReadWire(wire, {.read_bytes_max = read_max}, space);
      EXPECT_TRUE(seen.end.ok()) << seen.end.ToString();
      EXPECT_EQ(seen.bytes, kFetch) << read_max << ' ' << space;
    }
  }
}

TEST_F(DeflateStreamTest, TakesWhatWasReceivedBeforeAsItsFirstInput) {
  const std::string wire = Compressed(kFetch);
  for (size_t cut = 0; cut <= wire.size(); ++cut) {
    const Seen seen = ReadWire(wire.substr(cut), {}, 4096, wire.substr(0, cut));
    EXPECT_TRUE(seen.end.ok()) << seen.end.ToString();
    EXPECT_EQ(seen.bytes, kFetch) << cut;
  }
}

TEST_F(DeflateStreamTest, WritesArriveWholeAtAPlainInflater) {
  std::string sent;
  for (int i = 0; i < 20'000; ++i) {
    sent += "a" + std::to_string(i) + " UID FETCH 1:* (FLAGS)\r\n";
  }
  Seen seen;
  Status written{Code::kInternal, "not run"};
  Drive([&] {
    auto [first, second] = MakeMemoryStreams({.buffer_bytes_max = 1000});
    group_.Spawn(WriteAndClose(MakeDeflateStream(std::move(first), ""), sent, &written));
    group_.Spawn(ReadAndClose(std::move(second), 4096, &seen));
  });
  EXPECT_TRUE(written.ok()) << written.ToString();
  EXPECT_LT(seen.bytes.size(), sent.size() / 3);
  Inflater inflater;
  std::string inflated(sent.size() + 1, '\0');
  std::string_view input = seen.bytes;
  const Result<size_t> count = inflater.Inflate(input, inflated);
  ASSERT_TRUE(count.ok());
  inflated.resize(*count);
  EXPECT_TRUE(inflated == sent);
}

TEST_F(DeflateStreamTest, ReadingAndWritingAtTheSameTimeDoNotDisturbEachOther) {
  std::string bytes;
  for (int i = 0; i < 50'000; ++i) {
    bytes += std::to_string(i * 2654435761U) + "\r\n";
  }
  Seen at_first;
  Seen at_second;
  Drive([&] {
    auto [first, second] = MakeMemoryStreams({.buffer_bytes_max = 700});
    group_.Spawn(BothWays(MakeDeflateStream(std::move(first), ""), bytes, &at_first));
    group_.Spawn(BothWays(MakeDeflateStream(std::move(second), ""), bytes, &at_second));
  });
  EXPECT_TRUE(at_first.bytes == bytes);
  EXPECT_TRUE(at_second.bytes == bytes);
}

TEST_F(DeflateStreamTest, TheFinalBlockIsTheEndOfTheInput) {
  // RFC 1951 section 3.2.4: a stored block "hi", the last one.
  const Seen seen = ReadWire(std::string("\x01\x02\x00\xFD\xFFhi", 7) + "rubbish", {}, 100);
  EXPECT_TRUE(seen.end.ok()) << seen.end.ToString();
  EXPECT_EQ(seen.bytes, "hi");
}

TEST_F(DeflateStreamTest, DamagedDataFailsNamingThePeer) {
  const Seen seen = ReadWire(Compressed("good") + "\x07", {.first_name = "imap.example.com"}, 100);
  EXPECT_EQ(seen.bytes, "good");
  EXPECT_EQ(seen.end, Status(Code::kProtocol, "imap.example.com: the compressed data is damaged"));
}

TEST_F(DeflateStreamTest, ABombGivesNoMoreThanTheReaderHasRoomForAndIsRefused) {
  const std::string bomb = Compressed(std::string(size_t{32} << 20, '\0'));
  const Seen seen = ReadWire(bomb, {}, 5000);
  EXPECT_EQ(seen.end.code(), Code::kProtocol);
  EXPECT_EQ(seen.read_bytes_max, 5000U);
  EXPECT_LT(seen.bytes.size(), size_t{2} << 20);
}

TEST_F(DeflateStreamTest, ACutConnectionFailsAfterWhatArrived) {
  const std::string wire = Compressed(kFetch);
  for (size_t cut = 0; cut < wire.size(); ++cut) {
    const Seen seen = ReadWire(wire, {.cut_after_bytes_back = cut}, 100);
    EXPECT_EQ(seen.end.code(), Code::kUnreachable) << cut;
    EXPECT_EQ(seen.bytes, kFetch.substr(0, seen.bytes.size()));
  }
}

Task<void> WriteTwice(std::unique_ptr<Stream> stream, Status* first, Status* second) {
  const std::string bytes(100'000, 'x');
  *first = co_await stream->Write(bytes);
  *second = co_await stream->Write("a1 NOOP\r\n");
  co_await stream->Close();
}

TEST_F(DeflateStreamTest, AFailedWriteIsTheLastOne) {
  Status first;
  Status second;
  Drive([&] {
    auto [near, far] = MakeMemoryStreams({.cut_after_bytes_forward = 10});
    std::unique_ptr<Stream> stream = MakeDeflateStream(std::move(near), "");
    group_.Spawn(WriteTwice(std::move(stream), &first, &second));
    far.reset();
  });
  EXPECT_EQ(first.code(), Code::kUnreachable) << first.ToString();
  EXPECT_EQ(second, first);
}

TEST_F(DeflateStreamTest, DeadlinesAndAbortReachTheStreamBelow) {
  for (const bool abort : {false, true}) {
    Seen seen;
    const TimePoint start = loop_.Now();
    std::unique_ptr<Stream> silent;
    std::unique_ptr<Stream> stream;
    Drive([&] {
      auto [first, second] = MakeMemoryStreams({});
      silent = std::move(second);
      stream = MakeDeflateStream(std::move(first), "");
      stream->SetDeadline(loop_.Now() + seconds(7));
      group_.Spawn(ReadAll(*stream, 100, &seen));
      if (abort) {
        stream->Abort();
      }
    });
    EXPECT_EQ(seen.end.code(), abort ? Code::kCancelled : Code::kTimeout);
    EXPECT_EQ(seen.ended_at - start, abort ? seconds(0) : seconds(7));
    loop_.Post([&] {
      silent.reset();
      stream.reset();
    });
    loop_.RunDue();
  }
}

// Only says what it is.
class BoundStream final : public Stream {
 public:
  Task<Result<size_t>> Read(std::span<char> /*out*/) override { co_return size_t{0}; }
  Task<Status> Write(std::string_view /*bytes*/) override { co_return Status::Ok(); }
  void SetDeadline(TimePoint /*deadline*/) override {}
  void Abort() override {}
  Task<void> Close() override { co_return; }
  bool secure() const override { return true; }
  std::optional<ChannelBinding> channel_binding() const override {
    return ChannelBinding{.type = "tls-exporter", .data = "bound"};
  }
  std::string peer_name() const override { return "imap.example.com"; }
};

TEST_F(DeflateStreamTest, SaysOfItselfWhatTheStreamBelowSays) {
  const std::unique_ptr<Stream> stream = MakeDeflateStream(std::make_unique<BoundStream>(), "");
  EXPECT_TRUE(stream->secure());
  EXPECT_EQ(stream->peer_name(), "imap.example.com");
  ASSERT_TRUE(stream->channel_binding().has_value());
  EXPECT_EQ(stream->channel_binding()->data, "bound");
}

}  // namespace
}  // namespace mailhaul::net
