#include "connectors/sasl/scram.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/sasl/exchange.h"

namespace mailhaul::sasl {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kNonce = "rOprNGfwEbeRWgbNEkqO";

// RFC 7677 section 3.
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

ScramOptions Options() {
  ScramOptions options;
  options.username = "user";
  options.password = Secret("pencil");
  options.client_nonce = kNonce;
  return options;
}

net::ChannelBinding Exporter() {
  net::ChannelBinding binding;
  binding.type = "tls-exporter";
  for (int i = 224; i < 256; ++i) {
    binding.data.push_back(static_cast<char>(i));
  }
  return binding;
}

// The mechanism after the client's proof of the RFC's example.
std::unique_ptr<Mechanism> AfterProof() {
  std::unique_ptr<Mechanism> scram = MakeScramSha256(Options());
  Answer(*scram, "");
  Answer(*scram, kServerFirst);
  return scram;
}

TEST(ScramTest, SpeaksTheExampleOfRfc7677) {
  const auto scram = MakeScramSha256(Options());
  EXPECT_EQ(scram->name(), "SCRAM-SHA-256");
  EXPECT_TRUE(scram->client_first());
  EXPECT_EQ(Answer(*scram, ""), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(Answer(*scram, kServerFirst),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_EQ(Answer(*scram, kServerFinal), "");
  EXPECT_TRUE(scram->Finish().ok());
}

// The values of the next three were computed with Python's hashlib and hmac.

TEST(ScramTest, PlusBindsTheLoginToTheTlsConnection) {
  ScramOptions options = Options();
  options.channel_binding = Exporter();
  options.plus = true;
  const auto scram = MakeScramSha256(std::move(options));
  EXPECT_EQ(scram->name(), "SCRAM-SHA-256-PLUS");
  EXPECT_EQ(Answer(*scram, ""), "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(Answer(*scram, "r=rOprNGfwEbeRWgbNEkqOserver-part,s=c2FsdC1vZi0xNi1ieXRlcw==,i=4096"),
            "c=cD10bHMtZXhwb3J0ZXIsLODh4uPk5ebn6Onq6+zt7u/w8fLz9PX29/j5+vv8/f7/,"
            "r=rOprNGfwEbeRWgbNEkqOserver-part,p=st7/q/Mpoa90dwHWE7D94LsNkuFq7ZWHFurLfI7EkMw=");
  EXPECT_EQ(Answer(*scram, "v=YQMS2dJlAhD1N9u2YYegSAHnjwmFA7XtYjdSjlSzLG8="), "");
  EXPECT_TRUE(scram->Finish().ok());
}

TEST(ScramTest, TellsAServerWithoutPlusThatTheClientCouldBind) {
  ScramOptions options = Options();
  options.channel_binding = Exporter();
  const auto scram = MakeScramSha256(std::move(options));
  EXPECT_EQ(scram->name(), "SCRAM-SHA-256");
  EXPECT_EQ(Answer(*scram, ""), "y,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(Answer(*scram, "r=rOprNGfwEbeRWgbNEkqOserver-part,s=c2FsdC1vZi0xNi1ieXRlcw==,i=4096"),
            "c=eSws,r=rOprNGfwEbeRWgbNEkqOserver-part,"
            "p=qHTSiq451Eo57D2T61QAh2qWogl2WNFTOnluNtHlnNc=");
  EXPECT_EQ(Answer(*scram, "v=Y5oBMXZTxmI74+gL0fwMv6IkBu8mFOEmPM+Wf8fZQzU="), "");
}

TEST(ScramTest, EscapesTheNameAndTakesComposedLettersInThePassword) {
  ScramOptions options = Options();
  options.username = "a=b,c";
  options.password = Secret("p\xC3\xA4ssw\xC3\xB6rd \xE2\x82\xAC");
  const auto scram = MakeScramSha256(std::move(options));
  EXPECT_EQ(Answer(*scram, ""), "n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO");
  EXPECT_EQ(Answer(*scram, "r=rOprNGfwEbeRWgbNEkqOserver-part,s=c2FsdC1vZi0xNi1ieXRlcw==,i=10000"),
            "c=biws,r=rOprNGfwEbeRWgbNEkqOserver-part,"
            "p=hTIvlPA7D6loja9QhiB3ClzZ0h1lKsBG2HuRv6KFZgA=");
  EXPECT_EQ(Answer(*scram, "v=iUdaZI1aGYUHTDbhdJExHOfga1cbzNTnhqaiTsQzKvs="), "");
}

TEST(ScramTest, AServerThatDoesNotKnowThePasswordIsFound) {
  std::string wrong(kServerFinal);
  wrong[5] = wrong[5] == 'T' ? 'U' : 'T';
  for (const std::string_view message : {std::string_view(wrong), "v="sv, "v=6rri"sv,
                                         "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="sv,
                                         "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4A"sv}) {
    const auto scram = AfterProof();
    EXPECT_EQ(Refusal(*scram, message), Code::kAuthFailed) << message;
    EXPECT_EQ(scram->Finish().code(), Code::kAuthFailed);
    EXPECT_EQ(Refusal(*scram, kServerFinal), Code::kProtocol) << "no second try";
  }
}

TEST(ScramTest, SuccessWithoutTheServersSignatureIsRefused) {
  const auto fresh = MakeScramSha256(Options());
  EXPECT_EQ(fresh->Finish().code(), Code::kAuthFailed);
  Answer(*fresh, "");
  EXPECT_EQ(fresh->Finish().code(), Code::kAuthFailed);
  EXPECT_EQ(AfterProof()->Finish().code(), Code::kAuthFailed);
  const auto silent = AfterProof();
  EXPECT_EQ(Refusal(*silent, ""), Code::kProtocol);
  EXPECT_EQ(silent->Finish().code(), Code::kAuthFailed);
}

TEST(ScramTest, StepsOutOfOrderEndTheExchange) {
  const auto early = MakeScramSha256(Options());
  EXPECT_EQ(Refusal(*early, kServerFirst), Code::kProtocol);
  EXPECT_EQ(Refusal(*early, ""), Code::kProtocol);

  const auto repeated = AfterProof();
  EXPECT_EQ(Refusal(*repeated, kServerFirst), Code::kProtocol);

  const auto late = AfterProof();
  Answer(*late, kServerFinal);
  EXPECT_EQ(Refusal(*late, kServerFinal), Code::kProtocol);
  EXPECT_EQ(late->Finish().code(), Code::kAuthFailed);
}

TEST(ScramTest, AFailedFirstMessageIsNotFollowedByAProof) {
  const auto scram = MakeScramSha256(Options());
  Answer(*scram, "");
  EXPECT_EQ(Refusal(*scram, "r=someone-elses,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), Code::kProtocol);
  EXPECT_EQ(Refusal(*scram, kServerFirst), Code::kProtocol);
}

TEST(ScramTest, AnEndlessChallengeIsRefused) {
  const auto scram = MakeScramSha256(Options());
  Answer(*scram, "");
  const std::string endless =
      std::string(kServerFirst) + ",x=" + std::string(kChallengeBytesMax, 'x');
  EXPECT_EQ(Refusal(*scram, endless), Code::kProtocol);
}

TEST(ScramTest, NoncesArePrintableLongAndDifferent) {
  SystemRandom random;
  const std::string one = MakeScramNonce(random);
  EXPECT_EQ(one.size(), 24U);
  EXPECT_EQ(one.find_first_of(", \t"), std::string::npos);
  EXPECT_NE(one, MakeScramNonce(random));
}

}  // namespace
}  // namespace mailhaul::sasl
