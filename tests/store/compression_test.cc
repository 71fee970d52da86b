#include "store/compression.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "store/noise.h"
#include "store/split_piece.h"
#include "store/zstd_frame.h"
#include "tests/store/base64_mail.h"

namespace mailhaul::store {
namespace {

std::string Zstd(std::string_view bytes) {
  std::string frame;
  EXPECT_TRUE(AppendZstdFrame(bytes, 2, frame).ok());
  return frame;
}

std::string PieceOf(std::string_view bytes) {
  std::string piece = "before";
  EXPECT_TRUE(AppendPiece(bytes, piece).ok());
  EXPECT_LE(piece.size(), 6 + PieceBound(bytes.size()));
  EXPECT_TRUE(piece.starts_with("before"));
  return piece.substr(6);
}

Code ReadCode(std::string_view piece, size_t size) {
  std::string out(size, '\0');
  return ReadPiece(piece, out).code();
}

std::string MailOf(const std::string& attachment) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += "line " + std::to_string(i * 7919 % 1000) + " of a text\r\n";
  }
  return text + "\r\n--x\r\n\r\n" + Lines(attachment, 76, true) + "\r\n--x--\r\n";
}

std::string WordsOf(size_t size) {
  std::string words;
  SeededRandom random(size);
  while (words.size() < size) {
    words += "word" + std::to_string(random.Below(300)) + " ";
  }
  return words;
}

TEST(CompressionTest, AttachmentsAreKeptDecoded) {
  const std::string noise = NoiseOf(100'000, 1);
  const std::string mail = MailOf(noise);
  const std::string piece = PieceOf(mail);
  EXPECT_TRUE(IsSplitPiece(piece));
  EXPECT_LT(piece.size(), noise.size() + 1000);
  EXPECT_LT(piece.size(), Zstd(mail).size() * 97 / 100);
  EXPECT_EQ(DecompressBody(piece, mail.size()).value().view(), mail);
  EXPECT_EQ(CompressBody(mail), piece);

  const std::string document = MailOf(WordsOf(100'000));
  EXPECT_LT(PieceOf(document).size(), Zstd(document).size() * 4 / 5);
  EXPECT_EQ(DecompressBody(PieceOf(document), document.size()).value().view(), document);
}

TEST(CompressionTest, NoiseIsToldFromWhatBecomesSmaller) {
  const std::string noise = NoiseOf(200'000, 1);
  EXPECT_TRUE(LooksLikeNoise(noise));
  EXPECT_TRUE(LooksLikeNoise(noise.substr(0, kNoiseBytesMin)));
  EXPECT_FALSE(LooksLikeNoise(noise.substr(0, kNoiseBytesMin - 1)));
  EXPECT_FALSE(LooksLikeNoise(WordsOf(200'000)));
  EXPECT_FALSE(LooksLikeNoise({}));
  // As a photograph or an archive begins and ends.
  EXPECT_TRUE(LooksLikeNoise(WordsOf(4'000) + noise + WordsOf(4'000)));
  EXPECT_FALSE(LooksLikeNoise(noise + WordsOf(5'000)));
  for (const size_t at : {size_t{0}, size_t{100'000}, noise.size() - 10'000}) {
    std::string mixed = noise;
    mixed.replace(at, 10'000, WordsOf(10'000), 0, 10'000);
    EXPECT_FALSE(LooksLikeNoise(mixed)) << at;
  }
  std::string skewed = noise;  // As sound is: every other byte is one of a few.
  for (size_t i = 0; i < skewed.size(); i += 2) {
    skewed[i] = static_cast<char>(skewed[i] & 0xF);
  }
  EXPECT_FALSE(LooksLikeNoise(skewed));
}

TEST(CompressionTest, FramesHoldBytesAsTheyAre) {
  const std::string noise = NoiseOf(500'000, 2);
  for (const size_t size : {0, 1, 40'000, 128 << 10, (128 << 10) + 1, 500'000}) {
    std::string frame = "before";
    AppendRawFrame(noise.substr(0, size), frame);
    EXPECT_LE(frame.size(), 6 + ZstdFrameBound(size));
    frame.erase(0, 6);
    EXPECT_EQ(ZstdContentBytes(frame), size);
    std::string out(size, '\0');
    EXPECT_TRUE(ReadZstdFrame(frame, out).ok()) << size;
    EXPECT_EQ(out, noise.substr(0, size));
  }
}

TEST(CompressionTest, OnlyAttachmentsThatLookLikeNoiseAreKeptAsTheyAre) {
  const std::string noise = NoiseOf(200'000, 2);
  const std::string words = WordsOf(10'000);
  const std::string other = NoiseOf(100'001, 3);
  const std::string mail = MailOf(words) + MailOf(words) + MailOf(noise) + MailOf(other) +
                           MailOf(WordsOf(9'000)) + MailOf(NoiseOf(1'000, 4));
  const std::string piece = PieceOf(mail);
  EXPECT_NE(piece.find(noise.substr(0, 128 << 10)), std::string::npos);
  EXPECT_NE(piece.find(other), std::string::npos);
  EXPECT_LT(piece.size(), noise.size() + other.size() + words.size());
  EXPECT_EQ(DecompressBody(piece, mail.size()).value().view(), mail);
}

TEST(CompressionTest, ThePhotographThatAMessageHoldsTwiceIsKeptOnce) {
  const std::string photograph = NoiseOf(200'000, 5);
  const std::string mail = MailOf(photograph) + MailOf(photograph);
  EXPECT_LT(PieceOf(mail).size(), photograph.size() * 3 / 2);
  EXPECT_EQ(DecompressBody(PieceOf(mail), mail.size()).value().view(), mail);
}

// As bodies in stores of earlier formats are.
TEST(CompressionTest, APieceWithoutBase64IsAFrameOfZstd) {
  const std::string words = WordsOf(10'000);
  EXPECT_EQ(PieceOf(words), Zstd(words));
  const std::string mail = MailOf(NoiseOf(5000, 1));
  EXPECT_EQ(DecompressBody(Zstd(mail), mail.size()).value().view(), mail);
  std::string out(mail.size(), '\0');
  EXPECT_TRUE(ReadPiece(Zstd(mail), out).ok());
  EXPECT_EQ(out, mail);
  EXPECT_EQ(ReadCode(Zstd(mail), mail.size() + 1), Code::kCorrupt);
  EXPECT_EQ(ReadCode(Zstd(mail), mail.size() - 1), Code::kCorrupt);
}

// Lines that are all alike are shorter as they are than with a header and two frames.
TEST(CompressionTest, DecodedIsKeptOnlyWhatIsSmallerSo) {
  const std::string same = Lines(std::string(57 * 8, '\0'), 76, true);
  ASSERT_FALSE(SplitBase64(same).runs.empty());
  EXPECT_FALSE(IsSplitPiece(PieceOf(same)));
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    SeededRandom random(seed);
    const std::string mix = MixOf(random);
    const std::string piece = PieceOf(mix);
    EXPECT_LE(piece.size(), Zstd(mix).size() + 64) << seed;
    std::string out(mix.size(), '\0');
    EXPECT_TRUE(ReadPiece(piece, out).ok()) << seed;
    EXPECT_TRUE(out == mix) << seed;
  }
}

TEST(CompressionTest, DamagedPiecesAreNeverOfAnotherSize) {
  const std::string mail = MailOf(NoiseOf(300, 1)) + Lines(WordsOf(600), 64, false);
  const std::string piece = PieceOf(mail);
  ASSERT_TRUE(IsSplitPiece(piece));
  for (size_t cut = 0; cut < piece.size(); ++cut) {
    EXPECT_EQ(ReadCode(piece.substr(0, cut), mail.size()), Code::kCorrupt) << cut;
  }
  for (const size_t size : {size_t{0}, mail.size() - 1, mail.size() + 1, 2 * mail.size()}) {
    EXPECT_EQ(ReadCode(piece, size), Code::kCorrupt) << size;
  }
  const size_t header =
      static_cast<size_t>(ParseSplitPiece(piece, mail.size())->rest_frame.data() - piece.data());
  for (size_t i = 0; i < piece.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = piece;
      damaged[i] = static_cast<char>(damaged[i] ^ static_cast<char>(1U << bit));
      std::string out(mail.size(), '\0');
      const Status status = ReadPiece(damaged, out);
      EXPECT_TRUE(status.ok() || status.code() == Code::kCorrupt);
      // Every bit of what is ours counts.
      EXPECT_TRUE(!status.ok() || i >= header || out != mail) << i;
    }
  }
}

std::string Hostile(const std::vector<uint64_t>& numbers, std::string_view frames) {
  std::string piece = "MHB6";
  for (uint64_t value : numbers) {
    for (; value > 0x7F; value >>= 7) {
      piece.push_back(static_cast<char>((value & 0x7F) | 0x80));
    }
    piece.push_back(static_cast<char>(value));
  }
  return piece + std::string(frames);
}

TEST(CompressionTest, HeadersThatPromiseTooMuchAreRefusedUnread) {
  const std::string decoded = NoiseOf(192, 1);
  const std::string text = Base64Encode(decoded);
  const std::string frame = Zstd(decoded);
  std::string out(text.size(), '\0');
  ASSERT_TRUE(ReadPiece(Hostile({1, 0, 192, 128, 0}, frame), out).ok());
  EXPECT_EQ(out, text);
  const uint64_t most = UINT32_MAX;
  for (const std::vector<uint64_t>& numbers : std::vector<std::vector<uint64_t>>{
           {},
           {0},
           {0, 0},
           {1, 0, 192},
           {2, 0, 192, 128, 0, 192, 128, 0},  // More runs than there is room for.
           {most, 0, 192, 128, 0},
           {1, 1, 192, 128, 0},  // More before it than there is.
           {1, most, 192, 128, 0},
           {1, 0, 191, 128, 0},  // Its frame is of another size.
           {1, 0, 193, 128, 0},  // It is longer than all.
           {1, 0, most, 128, 0},
           {1, 0, most + 1, 128, 0},
           {1, 0, 189, 126, 1},                // It is too short.
           {1, 0, 192, 0, 0},                  // Lines of nothing,
           {1, 0, 192, 129, 0},                // of no kind of end,
           {1, 0, 192, 130, 0},                // longer than the run,
           {1, 0, 192, 64, 0},                 // and too many.
           {1, 0, 192, uint64_t{1} << 31, 0},  // Four times that is 0 again.
           {1, 0, 192, (uint64_t{1} << 31) + 128, 0},
           {1, 0, 192, 128, 1},  // A frame of nothing.
           {1, 0, 192, 128, frame.size()},
           {1, 0, 192, 128, most},
           {1, 0, 192, 128, most << 7},
       }) {
    EXPECT_EQ(ReadCode(Hostile(numbers, frame), text.size()), Code::kCorrupt)
        << ::testing::PrintToString(numbers);
  }
  // The same number in more bytes.
  EXPECT_EQ(ReadCode("MHB6" + std::string("\x81\x00\x00\xC0\x01\x80\x01\x00", 8) + frame, 256),
            Code::kCorrupt);
  EXPECT_EQ(ReadCode("MHB6" + std::string("\x01\x00\xC0\x01\x80\x01\x00", 7) + frame, 256),
            Code::kOk);
  EXPECT_EQ(ReadCode(Hostile({1, 0, 192, 128, 0}, frame + frame), 256), Code::kCorrupt);
  EXPECT_EQ(ReadCode(Hostile({1, 0, 192, 128, 0}, ""), 256), Code::kCorrupt);
}

}  // namespace
}  // namespace mailhaul::store
