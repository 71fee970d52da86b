// /v1/webhooks: the state of what a tenant has its changes POSTed to.
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

using WebhookListTest = ServiceTest;

TEST_F(WebhookListTest, TellsWhetherEventsAreTaken) {
  WebhookLive good;
  good.host = "hooks.acme.example";
  good.types = {"message.created"};
  good.posts = 3;
  good.events = 7;
  WebhookLive bad;
  bad.host = "down.acme.example:8443";
  bad.failures = 9;
  bad.failures_in_a_row = 2;
  bad.failing_since = clock_.WallNow();
  bad.next_attempt = clock_.WallNow() + std::chrono::seconds(10);
  bad.error_code = "unreachable";
  bad.error_detail = "refused";
  directory_.webhooks = {good, bad};
  const boost::json::value list = GetJson("/v1/webhooks");
  EXPECT_EQ(boost::json::serialize(list.at("items").as_array().at(0)),
            R"({"host":"hooks.acme.example","events":["message.created"],"state":"ok","posts":3,)"
            R"("events_sent":7,"failures":0,"failures_in_a_row":0,"failing_since":null,)"
            R"("next_attempt_at":null,"error":null})");
  EXPECT_EQ(boost::json::serialize(list.at("items").as_array().at(1)),
            R"({"host":"down.acme.example:8443","events":null,"state":"failing","posts":0,)"
            R"("events_sent":0,"failures":9,"failures_in_a_row":2,)"
            R"("failing_since":"2024-05-01T21:46:40Z","next_attempt_at":"2024-05-01T21:46:50Z",)"
            R"("error":{"code":"unreachable","detail":"refused"}})");
  EXPECT_TRUE(list.at("next_cursor").is_null());
  EXPECT_TRUE(GetJson("/v1/webhooks", "read-globex").at("items").as_array().empty());
}

}  // namespace
}  // namespace mailhaul::http
