#include "base/base64.h"

#include <gtest/gtest.h>

namespace mailhaul {
namespace {

using namespace std::string_view_literals;

TEST(Base64Test, EncodesTheVectorsOfTheStandard) {
  EXPECT_EQ(Base64Encode(""), "");
  EXPECT_EQ(Base64Encode("f"), "Zg==");
  EXPECT_EQ(Base64Encode("fo"), "Zm8=");
  EXPECT_EQ(Base64Encode("foo"), "Zm9v");
  EXPECT_EQ(Base64Encode("foob"), "Zm9vYg==");
  EXPECT_EQ(Base64Encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(Base64Encode("foobar"), "Zm9vYmFy");
}

TEST(Base64Test, EncodesEveryKindOfByteWithoutLineBreaks) {
  EXPECT_EQ(Base64Encode("\0a\0b"sv), "AGEAYg==");
  EXPECT_EQ(Base64Encode("\xFB\xFF\xBF"), "+/+/");
  EXPECT_EQ(Base64Encode(std::string(300, 'x')).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace mailhaul
