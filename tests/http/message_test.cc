#include "base/random.h"
#include "base/text.h"
#include "engine/http/connection.h"
#include "engine/http/reader.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

class MessageTest : public ServiceTest {
 protected:
  // Stores one mail and returns its id.
  std::string StoreOne(const Mail& mail) {
    Store("acme", "alice", "INBOX", {mail});
    const boost::json::value page = GetJson("/v1/messages?limit=1");
    return std::string(page.at("items").as_array().at(0).at("id").as_string());
  }
};

std::string RandomBytes(size_t size) {
  SeededRandom random(size);
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    c = static_cast<char>(random.Below(256));
  }
  return bytes;
}

TEST_F(MessageTest, ComesWithItsBodies) {
  const std::string id = StoreOne({.subject = "one", .body = "some text"});
  const boost::json::value message = GetJson("/v1/messages/" + id);
  EXPECT_EQ(message.at("id").as_string(), id);
  EXPECT_EQ(message.at("mailbox").as_string(), "alice");
  EXPECT_EQ(message.at("folder").as_string(), "INBOX");
  EXPECT_EQ(message.at("subject").as_string(), "one");
  EXPECT_EQ(message.at("text").as_string(), "some text");
  EXPECT_EQ(message.at("html").as_string(), "SOME TEXT");
  EXPECT_FALSE(message.at("truncated").as_bool());
  EXPECT_EQ(directory_.active, (std::vector<std::string>{"acme/alice"}));
}

TEST_F(MessageTest, LongBodiesAreCut) {
  const std::string id = StoreOne({.body = std::string(kBodyTextBytesMax + 1, 'x')});
  const boost::json::value message = GetJson("/v1/messages/" + id);
  EXPECT_EQ(message.at("text").as_string().size(), kBodyTextBytesMax);
  EXPECT_TRUE(message.at("truncated").as_bool());
}

TEST_F(MessageTest, RawBytesComeBackAsTheyWere) {
  for (const size_t size : {size_t{0}, size_t{1}, kPieceBytes - 40, kPieceBytes,
                            3 * kPieceBytes + 7, size_t{3} << 20}) {
    const Mail mail{.subject = std::to_string(size),
                    .received = 1000 + static_cast<int64_t>(size),
                    .body = RandomBytes(size)};
    const std::string id = StoreOne(mail);
    const HttpAnswer answer = Get("/v1/messages/" + id + "/raw");
    EXPECT_EQ(answer.status, 200U);
    EXPECT_TRUE(answer.body == RawOf(mail)) << size;
    EXPECT_EQ(answer.fields.at("content-type"), "message/rfc822");
    EXPECT_EQ(answer.fields.at("content-length"), std::to_string(RawOf(mail).size()));
  }
}

TEST_F(MessageTest, AMessageThatIsOnlyListedSaysWhyItHasNoBytes) {
  const std::string id = StoreOne({.not_fetched = "larger than collect.max_message"});
  const HttpAnswer raw = Get("/v1/messages/" + id + "/raw");
  EXPECT_EQ(raw.status, 409U);
  const boost::json::value problem = boost::json::parse(raw.body);
  EXPECT_EQ(problem.at("code").as_string(), "not_stored");
  EXPECT_EQ(problem.at("detail").as_string(), "larger than collect.max_message");
  EXPECT_EQ(Get("/v1/messages/" + id).status, 200U);
}

TEST_F(MessageTest, AMessageThatIsOnlyListedCanBeAskedFor) {
  const std::string id = StoreOne({.not_fetched = "larger than collect.max_message"});
  const HttpAnswer answer = Request("POST", "/v1/messages/" + id + "/fetch");
  EXPECT_EQ(answer.status, 202U);
  ASSERT_EQ(directory_.wanted.size(), 1U);
  EXPECT_TRUE(directory_.wanted.front().ends_with("/" + id));
  directory_.accepts = false;
  EXPECT_EQ(Request("POST", "/v1/messages/" + id + "/fetch").status, 429U);
}

TEST_F(MessageTest, AMessageThatIsHereIsNotFetchedAgain) {
  const std::string id = StoreOne({.subject = "here"});
  EXPECT_EQ(Request("POST", "/v1/messages/" + id + "/fetch").status, 409U);
  EXPECT_EQ(Request("POST", "/v1/messages/" + id + "/fetch", "read-globex").status, 404U);
  EXPECT_TRUE(directory_.wanted.empty());
}

TEST_F(MessageTest, ARawAnswerThatCannotGoOnIsCut) {
  const Mail mail{.body = RandomBytes(size_t{3} << 20)};  // Too large to lie in memory.
  const std::string id = StoreOne(mail);
  pool_.holding = true;
  const std::unique_ptr<Client> client = Connect();
  client->Send("GET /v1/messages/" + id +
               "/raw HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n\r\n");
  for (size_t jobs = 0; jobs < 2; ++jobs) {  // The head, then the first piece.
    ASSERT_TRUE(loop_.RunUntil([&] { return !pool_.held.empty(); }));
    pool_.RunAll();
  }
  ASSERT_TRUE(loop_.RunUntil([&] { return !pool_.held.empty(); }));
  files_.FailReads(1, UINT64_MAX, Status(Code::kIo, "unreadable sector"));
  pool_.RunAll();
  EXPECT_TRUE(AwaitEnd(*client));
  const std::vector<HttpAnswer> answers = client->Answers();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_FALSE(answers[0].complete);
  EXPECT_TRUE(answers[0].body == RawOf(mail).substr(0, kPieceBytes));
}

TEST_F(MessageTest, RawHasTheHashAsItsTag) {
  const Mail mail{.subject = "tagged"};
  const std::string id = StoreOne(mail);
  const store::Sha256 hash = store::ComputeSha256(RawOf(mail));
  const std::string etag = "\"" + HexEncode(std::string(hash.begin(), hash.end())) + "\"";
  const std::string target = "/v1/messages/" + id + "/raw";
  EXPECT_EQ(Get(target).fields.at("etag"), etag);
  for (const std::string& field : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const HttpAnswer answer = Get(target, "read-acme", "If-None-Match: " + field + "\r\n");
    EXPECT_EQ(answer.status, 304U) << field;
    EXPECT_TRUE(answer.body.empty());
    EXPECT_EQ(answer.fields.at("etag"), etag);
  }
  EXPECT_EQ(Get(target, "read-acme", "If-None-Match: \"x\"\r\n").status, 200U);
  EXPECT_EQ(Get(target, "read-globex", "If-None-Match: *\r\n").status, 404U);
}

TEST_F(MessageTest, HeadSaysWhatGetWould) {
  const std::string id = StoreOne({.body = RandomBytes(200'000)});
  for (const std::string& target :
       {"/v1/messages/" + id + "/raw", "/v1/messages/" + id, std::string("/v1/messages"),
        std::string("/healthz"), std::string("/nothing")}) {
    const HttpAnswer get = Get(target);
    const HttpAnswer head = Head(target);
    EXPECT_EQ(head.status, get.status) << target;
    EXPECT_EQ(head.fields.at("content-length"), get.fields.at("content-length")) << target;
    EXPECT_TRUE(head.body.empty());
  }
}

TEST_F(MessageTest, IdsHaveOneSpelling) {
  const std::string id = StoreOne({});
  for (const std::string& bad :
       {id.substr(1), "0" + id, std::string("none"), std::string("%20"), id + "%00",
        std::string("0000000000000000"), std::string("ffffffffffffffff")}) {
    const unsigned status = Get("/v1/messages/" + bad).status;
    EXPECT_TRUE(status == 404 || (status == 400 && bad.ends_with("%00"))) << bad;
  }
}

TEST_F(MessageTest, AnswersCarryTheFieldsThatKeepThemSafe) {
  const std::string id = StoreOne({});
  const HttpAnswer json = Get("/v1/messages/" + id);
  EXPECT_EQ(json.fields.at("cache-control"), "private, no-cache");
  EXPECT_EQ(Get("/v1/messages").fields.at("cache-control"), "no-store");
  EXPECT_EQ(json.fields.at("content-type"), "application/json");
  const HttpAnswer raw = Get("/v1/messages/" + id + "/raw");
  EXPECT_EQ(raw.fields.at("cache-control"), "private, no-cache");
  EXPECT_EQ(raw.fields.at("content-disposition"), "attachment; filename=\"" + id + ".eml\"");
  for (const HttpAnswer& answer : {json, raw, Get("/nothing")}) {
    EXPECT_EQ(answer.fields.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.fields.at("server"), "mailhaul");
    EXPECT_EQ(answer.fields.at("date"), "Wed, 01 May 2024 21:46:40 GMT");
    EXPECT_EQ(answer.fields.at("x-request-id").size(), 16U);
  }
  EXPECT_NE(json.fields.at("x-request-id"), raw.fields.at("x-request-id"));
}

}  // namespace
}  // namespace mailhaul::http
