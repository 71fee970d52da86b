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

TEST(Base64Test, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Base64Decode(Base64Encode(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
}

TEST(Base64Test, RefusesWhatNoEncoderWrites) {
  for (const std::string_view text : {"Zg", "Zg=", "Zm9", "Zg==\n", " Zg==", "Zm9v====", "=",
                                      "==", "====", "Z===", "Zg==Zg==", "Zm-v", "Zm_v",
                                      "Zm9v\r\n\r\n", "Zh==", "Zm9=", "Zm\0v"}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
  EXPECT_EQ(Base64Decode("Zm\0v"sv), std::nullopt);
  EXPECT_EQ(Base64Decode("\xFF\xFF\xFF\xFF"), std::nullopt);
}

}  // namespace
}  // namespace mailhaul
