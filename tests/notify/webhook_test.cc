#include "engine/notify/webhook.h"

#include <gtest/gtest.h>

namespace mailhaul::notify {
namespace {

Webhook Hook() {
  return {.tenant = "acme",
          .url = "https://user@hooks.acme.example:8443/secret-path?key=x",
          .secret = Secret("0123456789abcdef"),
          .events = {}};
}

TEST(WebhookTest, TheBodyNamesWhatHappened) {
  store::Change created{.shard = 0xDEA2, .sequence = 7, .entry = {}};
  created.entry.message = MessageId{0xDEA2000000000001};
  store::Change updated{.shard = 0xDEA2, .sequence = 8, .entry = {}};
  updated.entry.type = store::ChangeEntry::Type::kMailboxUpdated;
  EXPECT_EQ(BodyOf(Hook(), {{created, "alice"}, {updated, "al\"ice"}}, false),
            R"({"tenant":"acme","events":[)"
            R"({"id":"000000000000dea2.0000000000000007","type":"message.created",)"
            R"("mailbox":"alice","message":"dea2000000000001"},)"
            R"({"id":"000000000000dea2.0000000000000008","type":"mailbox.updated",)"
            R"("mailbox":"al\"ice","message":null}],"missed":false})");
}

TEST(WebhookTest, ASubmissionIsNamedAsSuch) {
  store::Change change{.shard = 1, .sequence = 2, .entry = {}};
  change.entry.type = store::ChangeEntry::Type::kSubmissionUpdated;
  change.entry.message = MessageId{0x1000000000005};
  EXPECT_EQ(BodyOf(Hook(), {{change, "alice"}}, true),
            R"({"tenant":"acme","events":[{"id":"0000000000000001.0000000000000002",)"
            R"("type":"submission.updated","mailbox":"alice","message":null,)"
            R"("submission":"0001000000000005"}],"missed":true})");
}

TEST(WebhookTest, APostIsKnownByItsEvents) {
  const Event one{.change = {.shard = 1, .sequence = 2, .entry = {}}, .mailbox = "alice"};
  Event two = one;
  two.change.sequence = 3;
  EXPECT_EQ(PostId({one, two}), PostId({one, two}));
  EXPECT_NE(PostId({one, two}), PostId({one}));
  EXPECT_NE(PostId({one}), PostId({two}));
  EXPECT_TRUE(PostId({one}).starts_with("msg_"));
  EXPECT_EQ(PostId({one}).find('.'), std::string::npos);
}

// printf 'msg_1.1714600000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef -binary | base64
TEST(WebhookTest, TheSignatureIsWhatAnybodyElseComputes) {
  EXPECT_EQ(SecondsOf(WallTime(std::chrono::milliseconds(1'714'600'000'999))), 1'714'600'000);
  EXPECT_EQ(SignatureOf(Hook().secret, "msg_1", 1'714'600'000, "{}"),
            "v1,4on1VzD5mS3VuuFwrD90XJKI3GK2ysEzKW+PGGpLOmk=");
}

TEST(WebhookTest, AKeyInBase64IsTheSameKey) {
  EXPECT_EQ(SignatureOf(Secret("whsec_MDEyMzQ1Njc4OWFiY2RlZg=="), "msg_1", 1'714'600'000, "{}"),
            SignatureOf(Hook().secret, "msg_1", 1'714'600'000, "{}"));
}

TEST(WebhookTest, ThePositionIsKeptByTenantAndUrlWithoutTellingEither) {
  Webhook other = Hook();
  other.secret = Secret("another secret of it");
  other.events = {"message.created"};
  EXPECT_EQ(other.Name(), Hook().Name());
  other.url += "y";
  EXPECT_NE(other.Name(), Hook().Name());
  EXPECT_EQ(Hook().Name().find("secret-path"), std::string::npos);
  EXPECT_EQ(Hook().Host(), "hooks.acme.example:8443");
}

TEST(WebhookTest, DelaysDoubleUpToAnHourAndHonourTheServer) {
  SeededRandom random(1);
  Duration longest{};
  for (uint32_t failures = 1; failures <= 40; ++failures) {
    const Duration delay = RetryDelay(failures, std::chrono::seconds(0), random);
    const Duration whole = std::min<Duration>(
        kRetryFirst * (uint64_t{1} << std::min<uint32_t>(failures - 1, 20)), kRetryMax);
    EXPECT_GE(delay, whole / 2);
    EXPECT_LE(delay, whole);
    longest = std::max(longest, delay);
  }
  EXPECT_GT(longest, kRetryMax / 2);
  EXPECT_GE(RetryDelay(1, std::chrono::seconds(120), random), std::chrono::seconds(120));
  EXPECT_EQ(RetryDelay(1, std::chrono::hours(1000), random), kRetryMax);
}

}  // namespace
}  // namespace mailhaul::notify
