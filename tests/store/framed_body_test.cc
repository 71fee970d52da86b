#include "store/framed_body.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/compression.h"
#include "tests/store/base64_mail.h"

namespace mailhaul::store {
namespace {

constexpr size_t kFrame = kFrameBytesMin;

std::string TextOf(size_t size) {
  std::string text;
  SeededRandom random(size);
  while (text.size() < size) {
    text += "word" + std::to_string(random.Below(1000)) + " ";
  }
  text.resize(size);
  return text;
}

std::string Encode(std::string_view body, size_t part) {
  FrameEncoder encoder(kFrame);
  std::string out;
  for (size_t at = 0; at < body.size(); at += part) {
    EXPECT_TRUE(encoder.Append(body.substr(at, part), out).ok());
  }
  EXPECT_TRUE(encoder.Finish(out).ok());
  return out;
}

// None: it was found to be no such body, or damaged.
std::optional<std::string> Decode(const std::string& stored, uint64_t size) {
  const auto source = OpenFrames(OwnedByteSource::CopyOf(stored), size);
  if (!source.ok()) {
    EXPECT_EQ(source.status().code(), Code::kCorrupt);
    return std::nullopt;
  }
  std::string body(size, '\0');
  const Result<size_t> got = (*source)->ReadAt(0, body);
  if (!got.ok()) {
    EXPECT_EQ(got.status().code(), Code::kCorrupt);
    return std::nullopt;
  }
  EXPECT_EQ(*got, size);
  return body;
}

TEST(FramedBodyTest, ComesBackWhateverThePartsItCameIn) {
  for (const size_t size :
       {size_t{1}, kFrame - 1, kFrame, kFrame + 1, 2 * kFrame, 5 * kFrame + 7}) {
    const std::string body = TextOf(size);
    const std::string stored = Encode(body, size);
    for (const size_t part : {size_t{1}, size_t{1000}, kFrame, 3 * kFrame + 1}) {
      EXPECT_TRUE(Encode(body, part) == stored) << size << " in parts of " << part;
    }
    EXPECT_TRUE(Decode(stored, size) == body) << size;
    EXPECT_EQ(Decode(stored, size + 1), std::nullopt);
    EXPECT_EQ(Decode(stored, size - 1), std::nullopt);
  }
}

TEST(FramedBodyTest, WhatDoesNotBecomeSmallerComesBackToo) {
  const std::string noise = NoiseOf(3 * kFrame, 1);
  const std::string stored = Encode(noise, kFrame);
  EXPECT_LT(stored.size(), noise.size() + noise.size() / 50);
  EXPECT_TRUE(Decode(stored, noise.size()) == noise);
}

// Frames end anywhere in its lines.
TEST(FramedBodyTest, Base64IsKeptDecodedInEveryFrame) {
  for (const size_t length : {size_t{76}, size_t{64}, size_t{72}, size_t{1'000'000}}) {
    for (size_t shift = 0; shift < 9; ++shift) {
      const std::string noise = NoiseOf(10 * kFrame, length + shift);
      const std::string body =
          std::string(shift, 'x') + "\r\n\r\n" + Lines(noise, length, shift % 2 == 0) + "\r\n--x--";
      const std::string stored = Encode(body, 1000);
      // About 100 bytes of each frame are half lines and what goes before frames.
      EXPECT_LT(stored.size(), noise.size() * 104 / 100) << length << " " << shift;
      EXPECT_TRUE(Decode(stored, body.size()) == body);
    }
  }
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SeededRandom random(seed);
    std::string body;
    while (body.size() < 4 * kFrame) {
      body += MixOf(random);
    }
    EXPECT_TRUE(Decode(Encode(body, 1 + random.Below(9000)), body.size()) == body) << seed;
  }
}

// Other programs can read it: zstd -d.
TEST(FramedBodyTest, IsOrdinaryZstdToOtherDecoders) {
  const std::string body = TextOf(3 * kFrame + 5);
  const std::string stored = Encode(body, 1000);
  std::string out(body.size() + 1, '\0');
  const size_t bytes = ZSTD_decompress(out.data(), out.size(), stored.data(), stored.size());
  ASSERT_FALSE(ZSTD_isError(bytes));
  out.resize(bytes);
  EXPECT_TRUE(out == body);
}

TEST(FramedBodyTest, CutShortOrGrownItIsNoBody) {
  const std::string body = TextOf(2 * kFrame + 9);
  const std::string stored = Encode(body, body.size());
  for (size_t size = 0; size < stored.size(); ++size) {
    EXPECT_EQ(Decode(stored.substr(0, size), body.size()), std::nullopt) << size;
  }
  EXPECT_EQ(Decode(stored + "x", body.size()), std::nullopt);
  EXPECT_EQ(Decode("x" + stored, body.size()), std::nullopt);
}

// What a hash is compared with afterwards may be other bytes, but never more or fewer.
TEST(FramedBodyTest, EveryBitOfItsTableCountsAndNoneOfItsFramesLeadsAstray) {
  const std::string body = TextOf(2 * kFrame + 9);
  const std::string stored = Encode(body, body.size());
  constexpr size_t kTable = 8 + 3 * 8 + 9;
  for (size_t i = 0; i < stored.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = stored;
      damaged[i] = static_cast<char>(damaged[i] ^ static_cast<char>(1U << bit));
      const std::optional<std::string> decoded = Decode(damaged, body.size());
      EXPECT_TRUE(!decoded || i < stored.size() - kTable) << "bit " << bit << " of " << i;
      EXPECT_TRUE(!decoded || decoded->size() == body.size());
    }
  }
}

TEST(FramedBodyTest, TablesThatPromiseTooMuchAreRefusedUnread) {
  const auto table = [](std::vector<std::pair<uint32_t, uint32_t>> frames) {
    const auto little = [](uint32_t value) {
      std::string bytes;
      for (int shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<char>(value >> shift));
      }
      return bytes;
    };
    const auto count = static_cast<uint32_t>(frames.size());
    std::string out = little(0x184D2A5E) + little(count * 8 + 9);
    for (const auto& [compressed, size] : frames) {
      out += little(compressed) + little(size);
    }
    return out + little(count) + '\0' + little(0x8F92EAB1);
  };
  EXPECT_EQ(Decode(table({}), 0), std::nullopt);
  EXPECT_EQ(Decode(table({{0, 1 << 30}}), 1 << 30), std::nullopt);
  EXPECT_EQ(Decode(table({{0, 0}, {0, 0}}), 0), std::nullopt);
  EXPECT_EQ(Decode(table({{UINT32_MAX, 4096}, {1, 4096}}), 8192), std::nullopt);
  EXPECT_EQ(Decode(table({{0, 4096}, {0, 8192}}), 12288), std::nullopt);
  // One byte per frame would make the table larger than the body.
  EXPECT_EQ(Decode(table(std::vector<std::pair<uint32_t, uint32_t>>(100, {0, 1})), 100),
            std::nullopt);
}

}  // namespace
}  // namespace mailhaul::store
