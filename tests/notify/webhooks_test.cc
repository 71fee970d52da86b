// Webhooks under a virtual clock, with endpoints that a test scripts.
#include "engine/notify/webhooks.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>
#include <set>

#include "connectors/net/virtual_loop.h"
#include "store/key_layout.h"
#include "store/mail_store.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"
#include "store/webhook_position.h"

namespace mailhaul::notify {
namespace {

class InlinePool final : public WorkPool {
 public:
  void Submit(std::function<void()> work) override { work(); }
};

// The next read of the change log can be made to fail.
class TrimmedRecords final : public store::KeyValueStore {
 public:
  Result<std::optional<std::string>> Get(std::string_view key) override { return rows_.Get(key); }
  Result<bool> Scan(const store::ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    const bool is_log = request.begin.front() == static_cast<char>(store::Keyspace::kChange);
    if (is_log && !next_failure.ok()) {
      return std::exchange(next_failure, Status());
    }
    return rows_.Scan(request, visit);
  }
  void Commit(std::span<const store::Batch> batches, std::span<store::Outcome> outcomes) override {
    rows_.Commit(batches, outcomes);
  }

  Status next_failure;

 private:
  store::MemoryKeyValueStore rows_;
};

// Endpoints by URL. Each takes POSTs unless told otherwise.
class ScriptedHttp final : public HttpClient {
 public:
  struct Got {
    TimePoint at;
    std::string url;
    std::string body;
    std::string id;
    std::string time;
    std::string signature;
  };

  explicit ScriptedHttp(const net::VirtualLoop& loop) : loop_(loop) {}

  net::Task<Result<HttpAnswer>> Fetch(HttpRequest request, TimePoint deadline) override {
    EXPECT_EQ(request.method, "POST");
    const std::map<std::string, std::string> fields(request.headers.begin(), request.headers.end());
    Got one{.at = loop_.Now(),
            .url = request.url,
            .body = std::string(request.body.Reveal()),
            .id = fields.at(std::string(kIdField)),
            .time = fields.at(std::string(kTimestampField)),
            .signature = fields.at(std::string(kSignatureField))};
    got.push_back(one);
    EXPECT_TRUE(busy.insert(request.url).second) << "two at a time";
    if (hanging.contains(request.url)) {
      co_await net::SleepUntil(deadline);
      busy.erase(request.url);
      co_return Status(Code::kTimeout, "no answer");
    }
    busy.erase(request.url);
    std::deque<HttpAnswer>& scripted = answers[request.url];
    HttpAnswer answer;
    answer.status = 204;
    if (!scripted.empty()) {
      answer = std::move(scripted.front());
      scripted.pop_front();
    }
    co_return answer;
  }

  void Refuse(const std::string& url, int times, int status,
              std::chrono::seconds retry_after = std::chrono::seconds(0)) {
    for (int i = 0; i < times; ++i) {
      HttpAnswer answer;
      answer.status = status;
      answer.retry_after = retry_after;
      answers[url].push_back(std::move(answer));
    }
  }

  std::vector<Got> got;
  std::map<std::string, std::deque<HttpAnswer>> answers;
  std::set<std::string> hanging;
  std::set<std::string> busy;

 private:
  const net::VirtualLoop& loop_;
};

constexpr const char* kUrl = "https://hooks.acme.example/a";
constexpr const char* kOther = "https://other.acme.example/b";

class WebhooksTest : public testing::Test {
 protected:
  WebhooksTest() {
    blobs_ = std::move(store::BlobStore::Open(files_, {.directory = "blobs"})).value();
    store_ = std::move(store::MailStore::Open(records_, *blobs_, clock_)).value();
    tenant_ = store_->EnsureTenant("acme").value();
    for (const char* name : {"alice", "bob"}) {
      EXPECT_TRUE(store_->EnsureMailbox(tenant_, name, std::string(name) + "@acme.example").ok());
    }
  }
  ~WebhooksTest() override { StopHooks(); }

  static Webhook Hook(const std::string& url) {
    return {.tenant = "acme", .url = url, .secret = Secret("0123456789abcdef"), .events = {}};
  }
  void Set(std::vector<Webhook> hooks) {
    loop_.Post([this, hooks] { hooks_->SetTenant("acme", hooks); });
    loop_.RunDue();
  }

  void Start(std::vector<std::string> urls, std::vector<std::string> events = {}) {
    Create(std::move(urls), std::move(events));
    RunHooks();
  }

  void Create(std::vector<std::string> urls, std::vector<std::string> events = {}) {
    std::vector<Webhook> hooks;
    for (const std::string& url : urls) {
      hooks.push_back(Hook(url));
      hooks.back().events = events;
    }
    const WebhookContext context{.store = *store_,
                                 .http = http_,
                                 .reads = reads_,
                                 .writer = reads_,
                                 .save =
                                     [this](const std::string& name, const std::string& position) {
                                       ++saves_;
                                       return lose_saves_ ? Status(Code::kIo, "lost")
                                                          : store::SaveWebhookPosition(
                                                                records_, name, position);
                                     },
                                 .clock = clock_,
                                 .random = random_};
    hooks_ = std::make_unique<Webhooks>(context, std::move(hooks),
                                        store::ReadWebhookPositions(records_).value());
  }

  void RunHooks() {
    loop_.Post([this] { tasks_.Spawn(hooks_->Run()); });
    loop_.RunDue();
  }

  void StopHooks() {
    if (hooks_ != nullptr) {
      loop_.Post([this] { hooks_->Stop(); });
      EXPECT_TRUE(loop_.RunUntil([this] { return tasks_.running() == 0; }));
      hooks_.reset();
    }
  }

  void Mail(const std::string& mailbox, int count = 1, bool tell = true) {
    store::IngestBatch batch;
    batch.mailbox = store_->FindMailbox(tenant_, mailbox).value();
    batch.folder = store_->EnsureFolder(batch.mailbox, "INBOX", "").value();
    batch.uid_validity = 1;
    for (int i = 0; i < count; ++i) {
      store::IngestMessage message;
      message.uid = ++last_uid_;
      message.internal_date = clock_.WallNow();
      message.body = "Subject: " + std::to_string(last_uid_) + "\r\n\r\n";
      message.size = message.body.size();
      message.sha256 = store::ComputeSha256(message.body);
      message.content = store::EncodeContent({});
      batch.messages.push_back(std::move(message));
    }
    store::IngestBatch* const batches[] = {&batch};
    store_->Append(batches);
    ASSERT_TRUE(batch.status.ok()) << batch.status.ToString();
    if (tell && hooks_ != nullptr) {
      loop_.Post([this] { hooks_->OnChanges("acme"); });
      loop_.RunDue();
    }
  }

  // Ids of events that `url` was sent, in order.
  std::vector<std::string> Ids(const std::string& url) const {
    std::vector<std::string> ids;
    for (const ScriptedHttp::Got& got : http_.got) {
      if (got.url == url) {
        const boost::json::value body = boost::json::parse(got.body);
        for (const boost::json::value& event : body.at("events").as_array()) {
          ids.emplace_back(event.at("id").as_string());
        }
      }
    }
    return ids;
  }
  bool Await(size_t posts) {
    return loop_.RunUntil([&] { return http_.got.size() >= posts; });
  }
  void Pass(Duration time) {
    const TimePoint until = clock_.Now() + time;
    EXPECT_FALSE(loop_.RunUntil([] { return false; }, until));
  }

  net::VirtualClock clock_{WallTime(std::chrono::seconds(1'714'600'000))};
  net::VirtualLoop loop_{clock_};
  TrimmedRecords records_;
  store::MemoryFileSystem files_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<store::MailStore> store_;
  ScriptedHttp http_{loop_};
  InlinePool reads_;
  SeededRandom random_{7};
  TenantId tenant_;
  std::unique_ptr<Webhooks> hooks_;
  net::TaskGroup tasks_;
  bool lose_saves_ = false;
  int saves_ = 0;
  Uid last_uid_ = 0;
};

TEST_F(WebhooksTest, TellOfWhatHappensFromNowOnSignedAndInOrder) {
  Mail("alice");
  Start({kUrl});
  EXPECT_TRUE(http_.got.empty());
  const TimePoint before = clock_.Now();
  Mail("alice", 3);
  Mail("bob");
  EXPECT_EQ(clock_.Now(), before);
  const std::vector<std::string> ids = Ids(kUrl);
  ASSERT_EQ(ids.size(), 4U);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 4U);
  EXPECT_LT(ids[0], ids[1]);
  EXPECT_LT(ids[1], ids[2]);
  const ScriptedHttp::Got& got = http_.got.front();
  EXPECT_EQ(got.time, std::to_string(SecondsOf(clock_.WallNow())));
  EXPECT_EQ(got.signature,
            SignatureOf(Secret("0123456789abcdef"), got.id, SecondsOf(clock_.WallNow()), got.body));
  EXPECT_EQ(hooks_->States().at(0).events, 4U);
}

TEST_F(WebhooksTest, WhatHappensBeforeTheyRunIsTold) {
  Mail("alice");
  Create({kUrl});
  Mail("alice", 2, false);
  RunHooks();
  EXPECT_EQ(Ids(kUrl).size(), 2U);
}

TEST_F(WebhooksTest, NothingIsSentBeforeThePlaceToBeginIsDurable) {
  lose_saves_ = true;
  Start({kUrl});
  Mail("alice");
  EXPECT_TRUE(http_.got.empty());
  EXPECT_EQ(hooks_->States().at(0).last_failure.code(), Code::kIo);
  lose_saves_ = false;
  ASSERT_TRUE(Await(1));
  EXPECT_EQ(Ids(kUrl).size(), 1U);
}

TEST_F(WebhooksTest, WithoutBeingToldTheyLookForThemselves) {
  Start({kUrl});
  Mail("alice", 1, false);
  EXPECT_TRUE(http_.got.empty());
  const TimePoint before = clock_.Now();
  ASSERT_TRUE(Await(1));
  EXPECT_LE(clock_.Now() - before, kPollTime);
}

TEST_F(WebhooksTest, APostHoldsOnlySoMuch) {
  Start({kUrl});
  Mail("alice", 250);
  ASSERT_EQ(http_.got.size(), 3U);
  EXPECT_EQ(Ids(kUrl).size(), 250U);
}

TEST_F(WebhooksTest, OnlyTheEventsAskedForAreSent) {
  Start({kUrl}, {"message.deleted"});
  Mail("alice", 3);
  EXPECT_TRUE(http_.got.empty());
}

TEST_F(WebhooksTest, WhatIsNotWantedCostsFewWrites) {
  Start({kUrl}, {"message.deleted"});
  const int before = saves_;
  for (int i = 0; i < 100; ++i) {
    Mail("alice");
  }
  EXPECT_LE(saves_ - before, 1);
  Pass(std::chrono::hours(1));
  EXPECT_LE(saves_ - before, 3);
}

TEST_F(WebhooksTest, ARefusedPostIsRepeatedBeforeLaterEvents) {
  Start({kUrl});
  http_.Refuse(kUrl, 3, 500);
  Mail("alice");
  Mail("alice");  // News do not hurry an endpoint that fails.
  EXPECT_EQ(http_.got.size(), 1U);
  const WebhookState failing = hooks_->States().at(0);
  EXPECT_EQ(failing.failing, 1U);
  EXPECT_EQ(failing.failing_since, clock_.WallNow());
  EXPECT_GT(failing.next_attempt, clock_.WallNow());
  EXPECT_EQ(failing.last_failure.code(), Code::kServerRefused);
  ASSERT_TRUE(Await(5));
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(http_.got[i].body, http_.got[0].body);
    EXPECT_GE(http_.got[i].at - http_.got[i - 1].at, kRetryFirst * (1U << (i - 1)) / 2);
  }
  EXPECT_EQ(http_.got[3].id, http_.got[0].id);
  EXPECT_NE(http_.got[3].time, http_.got[0].time);
  EXPECT_NE(http_.got[3].signature, http_.got[0].signature);
  EXPECT_EQ(hooks_->States().at(0).failing, 0U);
  EXPECT_FALSE(hooks_->States().at(0).failing_since.has_value());
  EXPECT_EQ(hooks_->States().at(0).failures, 3U);
}

TEST_F(WebhooksTest, RetryAfterIsHonoured) {
  Start({kUrl});
  http_.Refuse(kUrl, 1, 429, std::chrono::seconds(600));
  Mail("alice");
  ASSERT_TRUE(Await(2));
  EXPECT_GE(http_.got[1].at - http_.got[0].at, std::chrono::seconds(600));
}

TEST_F(WebhooksTest, ASlowEndpointHoldsUpNoOther) {
  http_.hanging.insert(kUrl);
  Start({kUrl, kOther});
  Mail("alice");
  Mail("alice");
  EXPECT_EQ(Ids(kOther).size(), 2U);
  EXPECT_EQ(Ids(kUrl).size(), 1U);
  Pass(std::chrono::hours(24));
  EXPECT_GT(hooks_->States().at(0).failing, 10U);
  http_.hanging.clear();
  ASSERT_TRUE(loop_.RunUntil([this] { return hooks_->States().at(0).events == 2; }));
}

TEST_F(WebhooksTest, ARestartGoesOnWhereItStopped) {
  Start({kUrl});
  Mail("alice", 2);
  StopHooks();
  Mail("alice");
  Start({kUrl});
  EXPECT_EQ(Ids(kUrl).size(), 3U);
}

TEST_F(WebhooksTest, ALostPositionRepeatsEventsWithEqualIds) {
  Start({kUrl});
  lose_saves_ = true;
  Mail("alice", 2);
  StopHooks();
  Start({kUrl});
  const std::vector<std::string> ids = Ids(kUrl);
  ASSERT_EQ(ids.size(), 4U);
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(ids[1], ids[3]);
}

TEST_F(WebhooksTest, StoppingWhileAnEndpointFailsLosesNothing) {
  Start({kUrl});
  http_.Refuse(kUrl, 1, 503);
  Mail("alice");
  StopHooks();
  Start({kUrl});
  const std::vector<std::string> ids = Ids(kUrl);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[0], ids[1]);
}

TEST_F(WebhooksTest, ADroppedLogIsSaidAndFollowedFromItsEnd) {
  Start({kUrl});
  StopHooks();
  Mail("alice", 2);
  records_.next_failure = Status(Code::kNotFound, "dropped");
  Start({kUrl});
  Mail("alice");
  ASSERT_EQ(http_.got.size(), 1U);
  EXPECT_TRUE(boost::json::parse(http_.got[0].body).at("missed").as_bool());
  EXPECT_EQ(Ids(kUrl).size(), 1U);
}

TEST_F(WebhooksTest, AFailingStoreIsReadAgain) {
  Start({kUrl});
  records_.next_failure = Status(Code::kIo, "once");
  Mail("alice");
  EXPECT_TRUE(http_.got.empty());
  ASSERT_TRUE(Await(1));
  Mail("alice");
  EXPECT_EQ(Ids(kUrl).size(), 2U);
}

TEST_F(WebhooksTest, ADamagedPositionBeginsAnewAndSaysSo) {
  Start({kUrl});
  StopHooks();
  const std::string name =
      Webhook{.tenant = "acme", .url = kUrl, .secret = {}, .events = {}}.Name();
  ASSERT_TRUE(store::SaveWebhookPosition(records_, name, "\xFF\xFF\xFF").ok());
  Mail("alice");
  Start({kUrl});
  Mail("alice");
  ASSERT_EQ(http_.got.size(), 1U);
  EXPECT_TRUE(boost::json::parse(http_.got[0].body).at("missed").as_bool());
  Mail("alice");
  EXPECT_FALSE(boost::json::parse(http_.got[1].body).at("missed").as_bool());
}

TEST_F(WebhooksTest, ANewOneBeginsWithWhatHappensNextAndDisturbsNoOther) {
  http_.hanging.insert(kUrl);
  Start({kUrl});
  Mail("alice");
  ASSERT_EQ(Ids(kUrl).size(), 1U);
  Set({Hook(kUrl), Hook(kOther)});
  EXPECT_EQ(Ids(kUrl).size(), 1U) << "its POST goes on";
  Mail("alice", 2);
  EXPECT_EQ(Ids(kOther).size(), 2U);
  ASSERT_EQ(hooks_->States().size(), 2U);
  EXPECT_EQ(hooks_->States()[1].host, "other.acme.example");
}

TEST_F(WebhooksTest, WhatIsTakenOutEndsAndGoesOnWhereItWasWhenPutBack) {
  Start({kUrl});
  Mail("alice");
  Set({});
  Mail("alice", 2);
  EXPECT_EQ(Ids(kUrl).size(), 1U);
  EXPECT_TRUE(hooks_->States().empty());
  Set({Hook(kUrl)});
  EXPECT_EQ(Ids(kUrl).size(), 3U);
}

TEST_F(WebhooksTest, AChangedOneTakesOverOnceThePostUnderWayHasEnded) {
  http_.hanging.insert(kUrl);
  Start({kUrl});
  Mail("alice");
  Webhook changed = Hook(kUrl);
  changed.secret = Secret("fedcba9876543210");
  Set({changed});
  Set({changed});  // It still waits.
  Mail("alice");
  EXPECT_EQ(http_.got.size(), 1U) << "one POST of a URL at a time";
  http_.hanging.clear();
  ASSERT_TRUE(Await(2));
  const std::vector<std::string> ids = Ids(kUrl);
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_EQ(ids[0], ids[1]) << "not taken the first time";
  const ScriptedHttp::Got& got = http_.got.back();
  EXPECT_EQ(got.signature,
            SignatureOf(changed.secret, got.id, SecondsOf(clock_.WallNow()), got.body));
}

TEST_F(WebhooksTest, AnEndpointThatFailsIsTriedAtOnceWithWhatHasChanged) {
  Start({kUrl});
  http_.Refuse(kUrl, 1, 429, std::chrono::seconds(600));
  Mail("alice");
  Webhook changed = Hook(kUrl);
  changed.events = {"message.created"};
  const TimePoint before = clock_.Now();
  Set({changed});
  EXPECT_EQ(http_.got.size(), 2U);
  EXPECT_EQ(clock_.Now(), before);
}

TEST_F(WebhooksTest, OneThatWaitsForAnotherMayGoBeforeItsTurn) {
  http_.hanging.insert(kUrl);
  Start({kUrl});
  Mail("alice");
  Webhook changed = Hook(kUrl);
  changed.secret = Secret("fedcba9876543210");
  Set({changed});
  Set({});
  http_.hanging.clear();
  Pass(std::chrono::hours(2));
  EXPECT_EQ(http_.got.size(), 1U);
}

}  // namespace
}  // namespace mailhaul::notify
