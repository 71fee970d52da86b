// The token source over a fake HttpClient, in virtual time.
#include "connectors/oauth2.h"

#include <gtest/gtest.h>

#include <deque>

#include "connectors/net/virtual_loop.h"

namespace mailhaul {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Answers from a list, each after a while, and notes what it was asked.
class FakeHttp final : public HttpClient {
 public:
  struct Scripted {
    Result<HttpAnswer> answer;
    Duration after{0};
  };
  std::deque<Scripted> script;
  std::vector<std::string> bodies;
  HttpRequest last;
  TimePoint last_deadline{};

  net::Task<Result<HttpAnswer>> Fetch(HttpRequest request, TimePoint deadline) override {
    bodies.emplace_back(request.body.Reveal());
    last = std::move(request);
    last_deadline = deadline;
    MH_CHECK(!script.empty());
    Scripted next = std::move(script.front());
    script.pop_front();
    co_await net::SleepUntil(net::Loop::Current()->Now() + next.after);
    co_return std::move(next.answer);
  }

  void Answer(int status, std::string body, seconds retry_after = seconds(0),
              Duration after = Duration(0)) {
    HttpAnswer answer;
    answer.status = status;
    answer.retry_after = retry_after;
    answer.body = Secret(std::move(body));
    script.push_back({std::move(answer), after});
  }
  void Token(const std::string& token, int lifetime = 3600, Duration after = Duration(0)) {
    Answer(200,
           "{\"access_token\":\"" + token +
               "\",\"token_type\":\"Bearer\",\"expires_in\":" + std::to_string(lifetime) + "}",
           seconds(0), after);
  }
};

OAuth2Config Config() {
  OAuth2Config config;
  config.token_url = "https://oauth2.example.com/token";
  config.client_id = "client id";
  config.client_secret = Secret("s&cret=1");
  config.refresh_token = Secret("refresh-token-1");
  config.scope = "https://mail.example.com/ offline";
  return config;
}

class OAuth2Test : public ::testing::Test {
 protected:
  Result<Secret> Get() { return loop_.Await(source_.Get()); }
  std::string Token() {
    const Result<Secret> token = Get();
    EXPECT_TRUE(token.ok()) << token.status().ToString();
    return token.ok() ? std::string(token->Reveal()) : "";
  }
  void Pass(Duration time) { loop_.Await(net::SleepUntil(loop_.Now() + time)); }

  net::Task<void> Keep(Secret token) {
    co_await net::SleepUntil(loop_.Now() + seconds(1));
    rotated_.emplace_back(token.Reveal());
  }

  net::VirtualClock clock_{WallTime(seconds(1'700'000'000))};
  net::VirtualLoop loop_{clock_};
  FakeHttp http_;
  std::vector<std::string> rotated_;
  TokenSource source_{http_, Config(), [this](Secret token) { return Keep(std::move(token)); }};
};

TEST_F(OAuth2Test, SendsTheFormOfRfc6749) {
  http_.Token("one");
  EXPECT_EQ(Token(), "one");
  EXPECT_EQ(http_.last.method, "POST");
  EXPECT_EQ(http_.last.url, "https://oauth2.example.com/token");
  EXPECT_EQ(http_.bodies[0],
            "grant_type=refresh_token&refresh_token=refresh-token-1&client_id=client%20id"
            "&client_secret=s%26cret%3D1&scope=https%3A%2F%2Fmail.example.com%2F%20offline");
  EXPECT_EQ(http_.last.headers[0].second, "application/x-www-form-urlencoded");
  EXPECT_EQ(http_.last_deadline, loop_.Now() + kRefreshTimeMax);
}

TEST_F(OAuth2Test, APublicClientSendsNoSecretAndNoScope) {
  OAuth2Config config = Config();
  config.client_secret = Secret();
  config.scope.clear();
  TokenSource source(http_, std::move(config), nullptr);
  http_.Answer(200, R"({"access_token":"one","refresh_token":"two"})");
  EXPECT_TRUE(loop_.Await(source.Get()).ok());
  EXPECT_EQ(http_.bodies[0],
            "grant_type=refresh_token&refresh_token=refresh-token-1&client_id=client%20id");
}

TEST_F(OAuth2Test, KeepsATokenUntilFiveMinutesBeforeItsEnd) {
  http_.Token("one", 3600);
  EXPECT_EQ(Token(), "one");
  Pass(seconds(3299));
  EXPECT_EQ(Token(), "one");
  Pass(seconds(1));
  http_.Token("two", 3600);
  EXPECT_EQ(Token(), "two");
  EXPECT_EQ(http_.bodies.size(), 2U);
}

TEST_F(OAuth2Test, ShortLivesAreUsedForAMinuteLessOrForHalf) {
  http_.Token("one", 300);
  EXPECT_EQ(Token(), "one");
  Pass(seconds(239));
  EXPECT_EQ(Token(), "one");
  Pass(seconds(1));
  http_.Token("two", 20);
  EXPECT_EQ(Token(), "two");
  Pass(seconds(9));
  EXPECT_EQ(Token(), "two");
  Pass(seconds(1));
  http_.Token("three", 1);
  EXPECT_EQ(Token(), "three");
}

TEST_F(OAuth2Test, TheLifeOfATokenCountsFromTheQuestion) {
  http_.Token("one", 300, seconds(25));
  EXPECT_EQ(Token(), "one");
  Pass(seconds(214));
  EXPECT_EQ(Token(), "one");
  Pass(seconds(1));
  http_.Token("two");
  EXPECT_EQ(Token(), "two");
}

net::Task<void> GetInto(TokenSource& source, std::vector<Result<Secret>>* results) {
  Result<Secret> result = co_await source.Get();
  results->push_back(std::move(result));
}

TEST_F(OAuth2Test, ManyAskAtOnceAndOneRequestIsMade) {
  for (const bool works : {true, false}) {
    if (works) {
      http_.Token("one", 3600, seconds(2));
    } else {
      source_.Invalidate(Secret("one"));
      http_.Answer(400, R"({"error":"invalid_grant"})", seconds(0), seconds(2));
    }
    std::vector<Result<Secret>> results;
    net::TaskGroup group;
    loop_.Post([&] {
      for (int i = 0; i < 20; ++i) {
        group.Spawn(GetInto(source_, &results));
      }
    });
    loop_.RunUntil([] { return false; });
    ASSERT_EQ(results.size(), 20U);
    for (const Result<Secret>& result : results) {
      EXPECT_EQ(result.status().code(), works ? Code::kOk : Code::kAuthFailed);
      EXPECT_TRUE(!works || result->Reveal() == "one");
    }
  }
  EXPECT_EQ(http_.bodies.size(), 2U);
}

TEST_F(OAuth2Test, ARefusedTokenIsReplacedOnce) {
  http_.Token("one");
  EXPECT_EQ(Token(), "one");
  source_.Invalidate(Secret("one"));
  http_.Token("two");
  EXPECT_EQ(Token(), "two");
  source_.Invalidate(Secret("one"));  // Another session, late.
  EXPECT_EQ(Token(), "two");
  EXPECT_EQ(http_.bodies.size(), 2U);
}

TEST_F(OAuth2Test, ARotatedRefreshTokenIsHandedOutAndUsedFromThenOn) {
  http_.Answer(200, R"({"access_token":"one","expires_in":60,"refresh_token":"refresh-token-2"})");
  EXPECT_EQ(Token(), "one");
  EXPECT_EQ(rotated_, std::vector<std::string>{"refresh-token-2"});
  source_.Invalidate(Secret("one"));
  http_.Answer(200, R"({"access_token":"two","expires_in":60,"refresh_token":"refresh-token-2"})");
  EXPECT_EQ(Token(), "two");
  EXPECT_NE(http_.bodies[1].find("refresh_token=refresh-token-2&"), std::string::npos);
  EXPECT_EQ(rotated_.size(), 1U) << "the same again is no rotation";
}

TEST_F(OAuth2Test, ARefusedGrantIsAskedForAgainNextTime) {
  http_.Answer(400, R"({"error":"invalid_grant"})");
  EXPECT_EQ(Get().status().code(), Code::kAuthFailed);
  http_.Token("one");
  EXPECT_EQ(Token(), "one");
}

TEST_F(OAuth2Test, AThrottlingServerIsLeftAlone) {
  http_.Answer(429, "", seconds(100));
  const Status first = Get().status();
  EXPECT_EQ(first.code(), Code::kThrottled);
  EXPECT_EQ(first.retry_after(), seconds(100));
  Pass(seconds(40));
  const Status second = Get().status();
  EXPECT_EQ(second.code(), Code::kThrottled);
  EXPECT_EQ(second.retry_after(), seconds(60));
  EXPECT_EQ(http_.bodies.size(), 1U);
  Pass(seconds(60));
  http_.Token("one");
  EXPECT_EQ(Token(), "one");
}

TEST_F(OAuth2Test, ThrottlingDoesNotLastForeverAndNotWithoutATime) {
  http_.Answer(503, "", seconds(24 * 3600));
  EXPECT_EQ(Get().status().code(), Code::kThrottled);
  Pass(seconds(3600));
  http_.Answer(503, "");
  EXPECT_EQ(Get().status().code(), Code::kThrottled);
  http_.Token("one");
  EXPECT_EQ(Token(), "one");
}

TEST_F(OAuth2Test, NetworkFailuresKeepTheirCode) {
  for (const Code code :
       {Code::kUnreachable, Code::kTimeout, Code::kTlsFailed, Code::kCancelled, Code::kProtocol}) {
    http_.script.push_back({Status(code, "oauth2.example.com: no"), Duration(0)});
    const Status failure = Get().status();
    EXPECT_EQ(failure.code(), code);
    EXPECT_NE(failure.message().find("OAuth 2.0 token: oauth2.example.com"), std::string::npos);
  }
}

TEST_F(OAuth2Test, ATokenStillGoodIsNotLostByAFailedRefresh) {
  http_.Token("one", 3600);
  EXPECT_EQ(Token(), "one");
  Pass(seconds(3300));
  http_.Answer(200, "nonsense");
  EXPECT_EQ(Token(), "one");
  http_.Answer(429, "", seconds(3600));
  EXPECT_EQ(Token(), "one");
  Pass(seconds(269));
  EXPECT_EQ(Token(), "one");
  Pass(seconds(1));
  EXPECT_EQ(Get().status().code(), Code::kThrottled) << "half a minute is not enough for a login";
  EXPECT_EQ(http_.bodies.size(), 3U);
}

TEST_F(OAuth2Test, ATokenStillGoodIsNotGivenWhenTheGrantIsRefused) {
  http_.Token("one", 3600);
  EXPECT_EQ(Token(), "one");
  Pass(seconds(3300));
  http_.Answer(400, R"({"error":"invalid_grant"})");
  EXPECT_EQ(Get().status().code(), Code::kAuthFailed);
}

TEST_F(OAuth2Test, ARefusedTokenIsNotGivenAgainWhateverHappens) {
  http_.Token("one", 3600);
  EXPECT_EQ(Token(), "one");
  source_.Invalidate(Secret("one"));
  http_.Answer(503, "");
  EXPECT_EQ(Get().status().code(), Code::kThrottled);
}

}  // namespace
}  // namespace mailhaul
