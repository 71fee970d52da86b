#include "engine/http/json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "connectors/connector.h"

namespace mailhaul::http {
namespace {

boost::json::value Parse(const std::string& text) { return boost::json::parse(text); }

TEST(JsonTest, AMailboxSaysAllItsFields) {
  store::MailboxRecord record;
  record.name = "alice";
  record.address = "alice@acme.example";
  record.last_complete = WallTime(std::chrono::seconds(1714521600));
  record.window_coverage = 1;
  record.backfill_coverage = 0.5;
  record.messages = 12;
  record.bytes = 3'000'000'000;
  const MailboxLive live{.state = "collecting",
                         .next_due_at = WallTime(std::chrono::seconds(1714521660)),
                         .lag_seconds = 3,
                         .throttled = true};
  EXPECT_EQ(Parse(MailboxJson(record, live)), Parse(R"({
    "id": "alice", "address": "alice@acme.example", "state": "collecting",
    "last_complete_at": "2024-05-01T00:00:00Z", "lag_seconds": 3,
    "next_due_at": "2024-05-01T00:01:00Z", "coverage": {"window": 1, "backfill": 5e-1},
    "messages": 12, "bytes": 3000000000, "throttled": true, "waiting": null, "error": null})"));
}

TEST(JsonTest, AMailboxThatWasNeverReadSaysNull) {
  store::MailboxRecord record;
  record.name = "new";
  record.error_code = "auth_failed";
  record.error_detail = "LOGIN refused";
  EXPECT_EQ(Parse(MailboxJson(record, {.state = "pending"})), Parse(R"({
    "id": "new", "address": null, "state": "pending", "last_complete_at": null,
    "lag_seconds": null, "next_due_at": null, "coverage": {"window": 0, "backfill": 0},
    "messages": 0, "bytes": 0, "throttled": false, "waiting": null,
    "error": {"code": "auth_failed", "detail": "LOGIN refused"}})"));
}

TEST(JsonTest, AFolderSaysItsCounts) {
  store::FolderRecord folder;
  folder.name = "Projekte/B\xC3\xBCro";
  folder.messages = 3;
  folder.unread = 1;
  EXPECT_EQ(Parse(FolderJson(folder)),
            Parse("{\"name\": \"Projekte/B\xC3\xBCro\", \"role\": null, \"total\": 3, "
                  "\"unread\": 1}"));
  folder.role = "sent";
  EXPECT_EQ(Parse(FolderJson(folder)).at("role").as_string(), "sent");
}

store::StoredMessage FullMessage() {
  store::StoredMessage message;
  message.id = MessageId{0x0001000000000002};
  message.flags = kFlagSeen | kFlagDraft;
  message.keywords = {"$Important"};
  message.internal_date = WallTime(std::chrono::milliseconds(1714521600'250));
  message.size = 1234;
  message.thread = 0xff;
  message.content.message_id = "m1@example.com";
  message.content.date = WallTime(std::chrono::seconds(1714521599));
  message.content.from = {{.name = "Ann", .email = "ann@example.com"}};
  message.content.to = {{.name = "", .email = "bob@acme.example"}};
  message.content.subject = "Hello \"world\"\n";
  message.content.preview = "Hi";
  message.content.has_attachment = true;
  message.content.attachments = {
      {.filename = "a.png", .content_type = "image/png", .content_id = "cid1", .size = 9},
      {.filename = "", .content_type = "text/plain", .content_id = "", .size = 0}};
  return message;
}

TEST(JsonTest, AMessageSaysAllItsFields) {
  const std::string text = MessageJson(FullMessage(), {.mailbox = "alice", .folder = "INBOX"});
  EXPECT_EQ(Parse(text), Parse(R"({
    "id": "0001000000000002", "mailbox": "alice", "folder": "INBOX",
    "thread_id": "00000000000000ff", "message_id": "m1@example.com",
    "date": "2024-04-30T23:59:59Z", "received_at": "2024-05-01T00:00:00.250Z",
    "from": [{"name": "Ann", "email": "ann@example.com"}],
    "to": [{"name": "", "email": "bob@acme.example"}], "cc": [], "bcc": [], "reply_to": [],
    "subject": "Hello \"world\"\n", "preview": "Hi", "seen": true, "flagged": false,
    "answered": false, "draft": true, "tags": ["$Important"], "size": 1234,
    "has_attachment": true, "attachments": [
      {"n": 1, "filename": "a.png", "content_type": "image/png", "size": 9, "content_id": "cid1"},
      {"n": 2, "filename": "", "content_type": "text/plain", "size": 0, "content_id": null}]})"));
}

TEST(JsonTest, AMessageWithBodiesHasThreeMoreFields) {
  const BodyDecoder::Text body{.text = "plain", .html = "<p>"};
  const std::string text =
      MessageWithBodyJson(FullMessage(), {.mailbox = "a", .folder = "b"}, body, true);
  EXPECT_EQ(Parse(text).at("text").as_string(), "plain");
  EXPECT_EQ(Parse(text).at("html").as_string(), "<p>");
  EXPECT_TRUE(Parse(text).at("truncated").as_bool());
}

TEST(JsonTest, BytesThatAreNotUtf8AreReplaced) {
  store::StoredMessage message = FullMessage();
  message.content.subject = "caf\xE9";
  const std::string text = MessageJson(message, {.mailbox = "a", .folder = "b"});
  EXPECT_EQ(Parse(text).at("subject").as_string(), "caf\xEF\xBF\xBD");
}

TEST(JsonTest, AListJoinsItsItems) {
  ListWriter none;
  EXPECT_EQ(none.Finish(std::nullopt), R"({"items":[],"next_cursor":null})");
  ListWriter two;
  two.Add("1");
  two.Add("2");
  EXPECT_EQ(two.items(), 2U);
  EXPECT_EQ(two.Finish("abc"), R"({"items":[1,2],"next_cursor":"abc"})");
}

}  // namespace
}  // namespace mailhaul::http
