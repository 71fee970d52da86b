// Base64 as it stands on the wire.
#include <gtest/gtest.h>

#include "base/base64.h"
#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

TEST(SaslWireTest, ChallengesAreDecoded) {
  EXPECT_EQ(*DecodeChallenge("VXNlcm5hbWU6"), "Username:");
  EXPECT_EQ(*DecodeChallenge(""), "");
}

TEST(SaslWireTest, ChallengesThatAreNotBase64OrTooLongAreRefused) {
  for (const std::string_view text : {"Username:"sv, "VXNlcm5hbWU6 "sv, "VXNlcm5hbWU"sv, "="sv}) {
    EXPECT_EQ(DecodeChallenge(text).status().code(), Code::kProtocol) << text;
  }
  const std::string longest(kChallengeBytesMax, 'x');
  EXPECT_EQ(*DecodeChallenge(Base64Encode(longest)), longest);
  EXPECT_EQ(DecodeChallenge(Base64Encode(longest + "x")).status().code(), Code::kProtocol);
  EXPECT_EQ(DecodeChallenge(Base64Encode(longest + "xxx")).status().code(), Code::kProtocol);
}

TEST(SaslWireTest, ResponsesAreEncoded) {
  EXPECT_EQ(EncodeResponse(Secret("\0tim\0secret"s)).Reveal(), "AHRpbQBzZWNyZXQ=");
  EXPECT_EQ(EncodeResponse(Secret()).Reveal(), "");
}

}  // namespace
}  // namespace mailhaul::sasl
