#include "engine/mime/structure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/mime/byte_scan.h"
#include "tests/mime/mime_test_support.h"

namespace mailhaul::mime {
namespace {

constexpr std::string_view kNested =
    "Subject: nested\n"
    "Content-Type: multipart/mixed; boundary=out\n"
    "\n"
    "preamble\n"
    "--out\n"
    "Content-Type: multipart/alternative;\n"
    "  boundary=\"out-in\"\n"
    "\n"
    "--out-in\n"
    "\n"
    "plain\n"
    "-- \n"
    "--not a boundary\n"
    "--out-in\n"
    "Content-Type: text/html\n"
    "\n"
    "<b>html</b>\n"
    "--out-in--\n"
    "epilogue of the inner one\n"
    "--out  \n"
    "Content-Type: image/png\n"
    "Content-Transfer-Encoding: BASE64\n"
    "\n"
    "AAAA\n"
    "--out--\n"
    "--out\n"
    "not a part\n";

Structure Scan(std::string_view mail) {
  Initialize();
  Result<Structure> structure = ScanStructure(MemoryByteSource(mail));
  EXPECT_TRUE(structure.ok());
  return *std::move(structure);
}

// One line per part: depth, type, body.
std::string Outline(const Structure& structure, std::string_view mail) {
  std::string outline;
  for (const Part& part : structure.parts()) {
    for (uint32_t up = part.parent; up != kNoPart; up = structure.parts()[up].parent) {
      outline += " ";
    }
    outline += part.type.type + "/" + part.type.subtype;
    if (part.children == 0) {
      outline +=
          "[" + std::string(mail.substr(part.body_begin, part.body_end - part.body_begin)) + "]";
    }
    outline += "\n";
  }
  return outline + structure.over_limit();
}

constexpr std::string_view kNestedOutline =
    "multipart/mixed\n"
    " multipart/alternative\n"
    "  text/plain[plain\n-- \n--not a boundary]\n"
    "  text/html[<b>html</b>]\n"
    " image/png[AAAA]\n";

TEST(Structure, FollowsNestedMultiparts) {
  EXPECT_EQ(Outline(Scan(kNested), kNested), kNestedOutline);
}

TEST(Structure, LineEndBeforeABoundaryBelongsToTheBoundary) {
  const std::string mail = WithCrlf(kNested);
  const Structure structure = Scan(mail);
  EXPECT_EQ(Outline(structure, mail),
            "multipart/mixed\n multipart/alternative\n"
            "  text/plain[plain\r\n-- \r\n--not a boundary]\n"
            "  text/html[<b>html</b>]\n image/png[AAAA]\n");
}

TEST(Structure, IsTheSameForPiecesOfEverySize) {
  for (const std::string& mail : {std::string(kNested), WithCrlf(kNested)}) {
    const std::string whole = Outline(Scan(mail), mail);
    for (size_t piece = 1; piece <= mail.size(); ++piece) {
      StructureScanner scanner;
      for (size_t at = 0; at < mail.size(); at += piece) {
        if (!scanner.Feed(std::string_view(mail).substr(at, piece))) {
          break;
        }
      }
      ASSERT_EQ(Outline(scanner.Finish(mail.size()), mail), whole) << "pieces of " << piece;
    }
  }
}

// Digits are counted on the way, wherever pieces, the message, or lines of dashes end.
TEST(Structure, CountsTheDigitsOfBase64OnTheWay) {
  const std::string mail =
      "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
      "Content-Transfer-Encoding: base64\n\nQUJD\n--\n-Q-\n--bb\nRA==\n-\n--b\n"
      "Content-Transfer-Encoding: base64\n\n--" +
      std::string(2000, 'A') + "\n--b\nContent-Transfer-Encoding: base64\n\n\n--b--\nepilogue\n";
  size_t counted = 0;
  for (size_t size = 1; size <= mail.size(); size += size < 200 ? 1 : 97) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{100}, size}) {
      StructureScanner scanner;
      for (size_t at = 0;
           at < size && scanner.Feed(std::string_view(mail).substr(at, std::min(piece, size - at)));
           at += piece) {
      }
      const Structure structure = scanner.Finish(size);
      for (const Part& part : structure.parts()) {
        if (part.base64_digits) {
          ++counted;
          EXPECT_EQ(*part.base64_digits, CountBase64Digits(std::string_view(mail).substr(
                                             part.body_begin, part.body_end - part.body_begin)))
              << size << " in pieces of " << piece;
        }
      }
    }
  }
  EXPECT_GT(counted, 1000U);
}

TEST(Structure, EveryPrefixOfAMessageHasOrderedBodiesInsideIt) {
  const std::string mail = WithCrlf(kNested);
  for (size_t size = 0; size <= mail.size(); ++size) {
    const Structure structure = Scan(std::string_view(mail).substr(0, size));
    for (const Part& part : structure.parts()) {
      ASSERT_LE(part.body_begin, part.body_end) << size;
      ASSERT_LE(part.body_end, size);
    }
  }
}

TEST(Structure, NeedsNothingBehindTheHeaderOfASinglePart) {
  Initialize();
  StructureScanner scanner;
  EXPECT_TRUE(scanner.Feed("Subject: a\r\n"));
  EXPECT_FALSE(scanner.Feed("\r\nbody"));
  const Structure structure = scanner.Finish(1000);
  EXPECT_EQ(structure.parts().front().body_begin, 14U);
  EXPECT_EQ(structure.parts().front().body_end, 1000U);
}

TEST(Structure, BoundaryThatIsAPrefixOfAnotherMarksOnlyItsOwnParts) {
  const std::string_view mail =
      "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
      "Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\n1\n--abc\n--ab--\n--a\n\n2\n--a--\n";
  EXPECT_EQ(Outline(Scan(mail), mail),
            "multipart/mixed\n multipart/mixed\n  text/plain[1\n--abc]\n text/plain[2]\n");
}

TEST(Structure, MissingEndBoundaryOfAnInnerMultipartEndsAtTheOuterOne) {
  const std::string_view mail =
      "Content-Type: multipart/mixed; boundary=o\n\n--o\n"
      "Content-Type: multipart/mixed; boundary=i\n\n--i\n\n1\n--o\n\n2";
  EXPECT_EQ(Outline(Scan(mail), mail),
            "multipart/mixed\n multipart/mixed\n  text/plain[1]\n text/plain[2]\n");
}

TEST(Structure, HeaderCutByABoundaryIsAPartWithoutBody) {
  const std::string_view mail =
      "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: image/gif\n--o\n\n2\n--o--";
  EXPECT_EQ(Outline(Scan(mail), mail), "multipart/mixed\n image/gif[]\n text/plain[2]\n");
}

TEST(Structure, MultipartWithoutBoundaryIsALeaf) {
  const std::string_view mail = "Content-Type: multipart/mixed\n\n--x\n\n1\n--x--\n";
  EXPECT_EQ(Outline(Scan(mail), mail), "multipart/mixed[--x\n\n1\n--x--\n]\n");
}

TEST(Structure, PartsOfADigestAreMessages) {
  const std::string_view mail =
      "Content-Type: multipart/digest; boundary=o\n\n--o\n\nSubject: a\n\nb\n--o--\n";
  EXPECT_EQ(Outline(Scan(mail), mail), "multipart/digest\n message/rfc822[Subject: a\n\nb]\n");
}

TEST(Structure, PassesOverLinesThatAreNoFields) {
  const std::string_view mail =
      "From a@b Mon Jan 1\n>From c\nSubject : x\n\ty\nbad line\n folded\n: z\n\n";
  const Structure structure = Scan(mail);
  const Part& root = structure.parts().front();
  ASSERT_EQ(structure.FieldCount(root), 1U);
  EXPECT_EQ(structure.FieldName(root, 0), "Subject");
  EXPECT_EQ(structure.FieldValue(root, "SUBJECT"), " x\n\ty\n");
}

TEST(StructureLimits, TooManyPartsEndTheScan) {
  const std::string mail =
      "Content-Type: multipart/mixed; boundary=b\n\n" + Repeat("--b\n\n", 1'000'000);
  const Structure structure = Scan(mail);
  EXPECT_EQ(structure.over_limit(), "more than 10000 parts");
  EXPECT_EQ(structure.parts().size(), kPartsMax);
}

TEST(StructureLimits, JustAsManyPartsAsAllowedAreFine) {
  const std::string head = "Content-Type: multipart/mixed; boundary=b\n\n";
  const Structure structure = Scan(head + Repeat("--b\n\n", kPartsMax - 1) + "--b--\n");
  EXPECT_EQ(structure.over_limit(), "");
  EXPECT_EQ(structure.parts().size(), kPartsMax);
}

TEST(StructureLimits, DeepNestingEndsTheScan) {
  std::string mail;
  for (int i = 0; i < 100'000; ++i) {
    const std::string boundary = "b" + std::to_string(i);
    mail += "Content-Type: multipart/mixed; boundary=" + boundary + "\n\n--" + boundary + "\n";
  }
  const Structure structure = Scan(mail);
  EXPECT_EQ(structure.over_limit(), "more than 100 nested multiparts");
  EXPECT_LE(structure.parts().size(), kDepthMax + 1);
}

TEST(StructureLimits, NestedMessagesAreNotFollowed) {
  const std::string mail = Repeat("Content-Type: message/rfc822\n\n", 100'000);
  const Structure structure = Scan(mail);
  EXPECT_EQ(structure.over_limit(), "");
  EXPECT_EQ(structure.parts().size(), 1U);
}

TEST(StructureLimits, ManyFieldsEndTheScan) {
  const Structure structure = Scan(Repeat("a:\n", 1'000'000));
  EXPECT_EQ(structure.over_limit(), "more than 50000 header fields");
  EXPECT_EQ(structure.FieldCount(structure.parts().front()), kHeaderFieldsMax);
}

TEST(StructureLimits, LongHeaderEndsTheScan) {
  EXPECT_EQ(Scan("Subject: " + std::string(50'000'000, 'x')).over_limit(),
            "more than 1048576 header bytes");
  EXPECT_EQ(Scan(Repeat("X-Filler: " + std::string(900, 'y') + "\n", 2'000)).over_limit(),
            "more than 1048576 header bytes");
}

TEST(StructureLimits, ComparisonsWithBoundariesAreCounted) {
  std::string mail;
  for (int i = 0; i < 90; ++i) {
    const std::string boundary(static_cast<size_t>(i % 64) + 1, static_cast<char>('A' + i % 26));
    mail += "Content-Type: multipart/mixed; boundary=" + boundary + "\n\n--" + boundary + "\n";
  }
  mail += "\n" + Repeat("--z\n", 120'000);
  EXPECT_EQ(Scan(mail).over_limit(), "more than 10000000 lines that look like boundaries");
}

TEST(StructureLimits, OverlongBoundariesMarkNothing) {
  const std::string boundary(kBoundaryBytesMax + 1, 'x');
  const std::string mail =
      "Content-Type: multipart/mixed; boundary=" + boundary + "\n\n--" + boundary + "\n\n1\n";
  EXPECT_EQ(Scan(mail).parts().size(), 1U);
}

TEST(Structure, ReportsASourceThatCannotBeRead) {
  Initialize();
  EXPECT_EQ(ScanStructure(FailingSource()).status().code(), Code::kIo);
}

}  // namespace
}  // namespace mailhaul::mime
