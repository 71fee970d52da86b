#include "connectors/sasl/scram_message.h"

#include <gtest/gtest.h>

namespace mailhaul::sasl {
namespace {

using namespace std::string_view_literals;

Status FirstStatus(std::string_view message) { return ParseServerFirst(message, "abc").status(); }

void ExpectFirstRefused(std::string_view message, std::string_view reason) {
  const Status status = FirstStatus(message);
  EXPECT_EQ(status.code(), Code::kProtocol) << message;
  EXPECT_NE(status.message().find(reason), std::string::npos) << status.message();
}

TEST(ServerFirstTest, GivesNonceSaltAndIterations) {
  const Result<ServerFirst> first = ParseServerFirst("r=abcdef,s=AAEC,i=4096", "abc");
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_EQ(first->nonce, "abcdef");
  EXPECT_EQ(first->salt, "\0\1\2"sv);
  EXPECT_EQ(first->iterations, 4096U);
}

TEST(ServerFirstTest, OptionalExtensionsAtTheEndAreIgnored) {
  const Result<ServerFirst> first = ParseServerFirst("r=abcd,s=AAEC,i=5000,x=1,y=", "abc");
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_EQ(first->iterations, 5000U);
}

TEST(ServerFirstTest, NoncesThatDoNotContinueOursAreRefused) {
  const std::string reason = "does not continue ours";
  ExpectFirstRefused("r=xyz,s=AAEC,i=4096", reason);
  ExpectFirstRefused("r=ab,s=AAEC,i=4096", reason);
  ExpectFirstRefused("r=abc,s=AAEC,i=4096", reason);
  ExpectFirstRefused("r=ABCd,s=AAEC,i=4096", reason);
  ExpectFirstRefused("r=,s=AAEC,i=4096", reason);
  ExpectFirstRefused("r=abc d,s=AAEC,i=4096", reason);
  ExpectFirstRefused("r=abc\0d,s=AAEC,i=4096"sv, reason);
  ExpectFirstRefused("r=abc\x80,s=AAEC,i=4096", reason);
  ExpectFirstRefused("r=abc" + std::string(kScramNonceBytesMax, 'x') + ",s=AAEC,i=4096", reason);
}

TEST(ServerFirstTest, IterationCountsOutOfBoundsAreRefused) {
  for (const std::string_view count : {"1", "4095", "100"}) {
    ExpectFirstRefused("r=abcd,s=AAEC,i=" + std::string(count), "fewer iterations than 4096");
  }
  for (const std::string_view count :
       {"1000001", "4294967295", "4294967296", "99999999999999999999999999"}) {
    ExpectFirstRefused("r=abcd,s=AAEC,i=" + std::string(count), "more iterations than 1000000");
  }
  for (const std::string_view count :
       {"", "0", "04096", "-4096", "+4096", "4096 ", "0x1000", "4e3"}) {
    ExpectFirstRefused("r=abcd,s=AAEC,i=" + std::string(count), "not a number");
  }
  ExpectFirstRefused("r=abcd,s=AAEC,i=4096\0"sv, "not a number");
  EXPECT_TRUE(FirstStatus("r=abcd,s=AAEC,i=1000000").ok());
}

TEST(ServerFirstTest, UnusableSaltsAreRefused) {
  ExpectFirstRefused("r=abcd,s=,i=4096", "salt");
  ExpectFirstRefused("r=abcd,s=AAE,i=4096", "salt");
  ExpectFirstRefused("r=abcd,s=A*EC,i=4096", "salt");
  ExpectFirstRefused("r=abcd,s=" + std::string(2000, 'A') + ",i=4096", "salt");
}

TEST(ServerFirstTest, MissingRepeatedAndReorderedAttributesAreRefused) {
  for (const std::string_view message :
       {"", "r", "r=", "r=abcd", "r=abcd,s=AAEC", "s=AAEC,r=abcd,i=4096", "r=abcd,i=4096,s=AAEC",
        "r=abcd,,s=AAEC,i=4096", "R=abcd,s=AAEC,i=4096", "r=abcd,r=abcd,s=AAEC,i=4096",
        "r=abcd,s=AAEC", "r=abcd,s=AAEC,", " r=abcd,s=AAEC,i=4096", "e=other-error"}) {
    ExpectFirstRefused(message, "not a first message");
  }
}

TEST(ServerFirstTest, AMandatoryExtensionIsRefusedByName) {
  ExpectFirstRefused("m=ext,r=abcd,s=AAEC,i=4096", "extension that is unknown");
}

TEST(ServerFirstTest, EveryPrefixIsRefusedOrComplete) {
  const std::string_view whole = "r=abcdef,s=AAEC,i=40960";
  for (size_t size = 0; size < whole.size(); ++size) {
    const Status status = FirstStatus(whole.substr(0, size));
    EXPECT_EQ(status.ok(), size == whole.size() - 1) << size;  // i=4096 is a number of its own.
  }
}

TEST(ServerFinalTest, GivesTheSignature) {
  const Result<std::string> signature = ParseServerFinal("v=AAEC,x=later");
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(*signature, "\0\1\2"sv);
}

TEST(ServerFinalTest, ErrorsSayWhoMustAct) {
  EXPECT_EQ(ParseServerFinal("e=invalid-proof").status().code(), Code::kAuthFailed);
  EXPECT_EQ(ParseServerFinal("e=unknown-user").status().code(), Code::kAuthFailed);
  EXPECT_EQ(ParseServerFinal("e=no-resources").status().code(), Code::kThrottled);
  EXPECT_EQ(ParseServerFinal("e=channel-bindings-dont-match").status().code(), Code::kTlsFailed);
  EXPECT_EQ(ParseServerFinal("e=server-does-support-channel-binding").status().code(),
            Code::kTlsFailed);
  const Status other = ParseServerFinal("e=other\r\nerror").status();
  EXPECT_EQ(other.code(), Code::kServerRefused);
  EXPECT_NE(other.message().find("other\\x0d\\x0aerror"), std::string::npos) << other.message();
}

TEST(ServerFinalTest, AnythingElseIsRefused) {
  for (const std::string_view message : {"", "v", "v=A", "V=AAEC", "x=1,v=AAEC", "v=AAEC=", "ok"}) {
    EXPECT_EQ(ParseServerFinal(message).status().code(), Code::kProtocol) << message;
  }
}

TEST(SaslNameTest, CommaAndEqualSignAreEscaped) {
  EXPECT_EQ(EscapeSaslName("a=b,c"), "a=3Db=2Cc");
  EXPECT_EQ(EscapeSaslName("=2C"), "=3D2C");
  EXPECT_EQ(EscapeSaslName("alice@example.com"), "alice@example.com");
}

}  // namespace
}  // namespace mailhaul::sasl
