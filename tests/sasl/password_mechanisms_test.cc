// PLAIN, LOGIN and CRAM-MD5.
#include <gtest/gtest.h>

#include "connectors/sasl/cram_md5.h"
#include "connectors/sasl/login.h"
#include "connectors/sasl/plain.h"
#include "tests/sasl/exchange.h"

namespace mailhaul::sasl {
namespace {

using namespace std::string_view_literals;

TEST(PlainTest, SendsNameAndPasswordOnce) {
  const auto plain = MakePlain(PasswordOf("tim", "tanstaaftanstaaf"));
  EXPECT_EQ(plain->name(), "PLAIN");
  EXPECT_TRUE(plain->client_first());
  EXPECT_EQ(Answer(*plain, ""), "\0tim\0tanstaaftanstaaf"sv);
  EXPECT_TRUE(plain->Finish().ok());
  EXPECT_EQ(Refusal(*plain, ""), Code::kProtocol);
  EXPECT_EQ(Refusal(*plain, "again"), Code::kProtocol);
}

TEST(PlainTest, AChallengeWithContentGetsNoPassword) {
  const auto plain = MakePlain(PasswordOf("tim", "secret"));
  EXPECT_EQ(Refusal(*plain, "\0"sv), Code::kProtocol);
}

TEST(PlainTest, SuccessBeforeThePasswordWasAskedForIsRefused) {
  EXPECT_EQ(MakePlain(PasswordOf("tim", "secret"))->Finish().code(), Code::kAuthFailed);
}

TEST(LoginTest, AnswersEachRequestWhateverItsWords) {
  for (const auto& [first, second] :
       {std::pair("Username:"sv, "Password:"sv), std::pair("User Name\0"sv, "Password\0"sv),
        std::pair(""sv, ""sv)}) {
    const auto login = MakeLogin(PasswordOf("tim", "secret"));
    EXPECT_EQ(login->name(), "LOGIN");
    EXPECT_FALSE(login->client_first());
    EXPECT_EQ(login->Finish().code(), Code::kAuthFailed);
    EXPECT_EQ(Answer(*login, first), "tim");
    EXPECT_EQ(login->Finish().code(), Code::kAuthFailed);
    EXPECT_EQ(Answer(*login, second), "secret");
    EXPECT_TRUE(login->Finish().ok());
    EXPECT_EQ(Refusal(*login, second), Code::kProtocol);
  }
}

TEST(CramMd5Test, AnswersTheExampleOfRfc2195) {
  const auto cram = MakeCramMd5(PasswordOf("tim", "tanstaaftanstaaf"));
  EXPECT_EQ(cram->name(), "CRAM-MD5");
  EXPECT_FALSE(cram->client_first());
  EXPECT_EQ(cram->Finish().code(), Code::kAuthFailed);
  EXPECT_EQ(Answer(*cram, "<1896.697170952@postoffice.reston.mci.net>"),
            "tim b913a602c7eda7a495b4e6e7334d3890");
  EXPECT_TRUE(cram->Finish().ok());
  EXPECT_EQ(Refusal(*cram, "<1896.697170952@postoffice.reston.mci.net>"), Code::kProtocol);
}

TEST(CramMd5Test, AChallengeThatIsEmptyOrTooLongGetsNoDigest) {
  const auto cram = MakeCramMd5(PasswordOf("tim", "secret"));
  EXPECT_EQ(Refusal(*cram, ""), Code::kProtocol);
  EXPECT_EQ(Refusal(*cram, std::string(kChallengeBytesMax + 1, '<')), Code::kProtocol);
}

}  // namespace
}  // namespace mailhaul::sasl
