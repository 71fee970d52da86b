#include "connectors/imap/command_encoder.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace mailhaul::imap {
namespace {

std::vector<std::string> Encode(LiteralSupport literals, std::string_view argument) {
  CommandEncoder encoder("A7", literals);
  encoder.Raw("EXAMINE").String(argument);
  Result<EncodedCommand> command = std::move(encoder).Finish();
  return command.ok() ? command->parts : std::vector<std::string>();
}

using Parts = std::vector<std::string>;

TEST(CommandEncoderTest, QuotesPrintableText) {
  EXPECT_EQ(Encode(LiteralSupport::kPlus, "INBOX"), Parts({"A7 EXAMINE \"INBOX\"\r\n"}));
  EXPECT_EQ(Encode(LiteralSupport::kPlus, ""), Parts({"A7 EXAMINE \"\"\r\n"}));
  EXPECT_EQ(Encode(LiteralSupport::kPlus, "a\"b\\c"), Parts({"A7 EXAMINE \"a\\\"b\\\\c\"\r\n"}));
}

TEST(CommandEncoderTest, WaitsBeforeALiteralUnlessTheServerNeedsNoWait) {
  EXPECT_EQ(Encode(LiteralSupport::kSynchronizing, "\xC3\xA9"),
            Parts({"A7 EXAMINE {2}\r\n", "\xC3\xA9\r\n"}));
  EXPECT_EQ(Encode(LiteralSupport::kPlus, "\xC3\xA9"), Parts({"A7 EXAMINE {2+}\r\n\xC3\xA9\r\n"}));
  EXPECT_EQ(Encode(LiteralSupport::kMinus, "\xC3\xA9"), Parts({"A7 EXAMINE {2+}\r\n\xC3\xA9\r\n"}));
}

TEST(CommandEncoderTest, LiteralMinusHoldsForShortLiteralsOnly) {
  const std::string long_text(kNonSyncLiteralBytesMax + 1, '\xE9');
  EXPECT_EQ(Encode(LiteralSupport::kMinus, long_text).size(), 2U);
  EXPECT_EQ(Encode(LiteralSupport::kPlus, long_text).size(), 1U);
}

TEST(CommandEncoderTest, RefusesLineEndsAndNulWithoutQuotingThem) {
  for (const std::string_view evil :
       {std::string_view("x\r\nA8 DELETE INBOX"), std::string_view("x\n"), std::string_view("\r"),
        std::string_view("a\0b", 3)}) {
    CommandEncoder encoder("A7", LiteralSupport::kPlus);
    encoder.Raw("EXAMINE").String(evil);
    const Result<EncodedCommand> command = std::move(encoder).Finish();
    ASSERT_FALSE(command.ok());
    EXPECT_EQ(command.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(command.status().message().find("DELETE"), std::string::npos);
  }
}

TEST(CommandEncoderTest, RefusesOverlongArguments) {
  EXPECT_TRUE(Encode(LiteralSupport::kPlus, std::string(kArgumentBytesMax + 1, 'x')).empty());
  EXPECT_FALSE(Encode(LiteralSupport::kPlus, std::string(kArgumentBytesMax, 'x')).empty());
}

TEST(CommandEncoderTest, TagsNeverRepeat) {
  TagSequence tags;
  EXPECT_EQ(tags.Next(), "A1");
  EXPECT_EQ(tags.Next(), "A2");
}

}  // namespace
}  // namespace mailhaul::imap
