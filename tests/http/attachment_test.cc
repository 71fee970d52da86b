#include "engine/http/content_fields.h"
#include "tests/http/service_fixture.h"

namespace mailhaul::http {
namespace {

store::Attachment Named(std::string filename, std::string content_type) {
  store::Attachment attachment;
  attachment.filename = std::move(filename);
  attachment.content_type = std::move(content_type);
  return attachment;
}

class AttachmentTest : public ServiceTest {
 protected:
  std::string StoreWith(std::vector<store::Attachment> attachments) {
    Store("acme", "alice", "INBOX", {{.body = "bytes", .attachments = std::move(attachments)}});
    return All("/v1/messages", "id").front();
  }
};

TEST_F(AttachmentTest, ComesDecodedUnderItsNameAndType) {
  const std::string id = StoreWith({Named("a.txt", "text/plain"), Named("b.png", "image/png")});
  const HttpAnswer answer = Get("/v1/messages/" + id + "/attachments/2");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, "2: bytes");
  EXPECT_EQ(answer.fields.at("content-type"), "image/png");
  EXPECT_EQ(answer.fields.at("content-disposition"), "attachment; filename=\"b.png\"");
  EXPECT_EQ(answer.fields.at("content-security-policy"), "sandbox; default-src 'none'");
  EXPECT_EQ(answer.fields.at("x-content-type-options"), "nosniff");
  const std::string tag = answer.fields.at("etag");
  EXPECT_NE(Get("/v1/messages/" + id + "/attachments/1").fields.at("etag"), tag);
  const HttpAnswer again =
      Get("/v1/messages/" + id + "/attachments/2", "read-acme", "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(again.status, 304U);
  EXPECT_EQ(directory_.active.back(), "acme/alice");
}

TEST_F(AttachmentTest, OthersAreNotThere) {
  const std::string id = StoreWith({Named("a", "text/plain")});
  for (const char* n : {"0", "2", "-1", "1x", "x", "18446744073709551617", "+1"}) {
    EXPECT_EQ(Get("/v1/messages/" + id + "/attachments/" + n).status, 404U) << n;
  }
  EXPECT_EQ(Get("/v1/messages/" + id + "/attachments").status, 404U);
  EXPECT_EQ(Get("/v1/messages/" + id + "/attachments/1", "read-globex").status, 404U);
  EXPECT_EQ(Request("POST", "/v1/messages/" + id + "/attachments/1").status, 405U);
}

TEST_F(AttachmentTest, APartThatTheBytesDoNotHaveIsNotThere) {
  const std::string id = StoreWith(std::vector<store::Attachment>(9));
  EXPECT_EQ(Get("/v1/messages/" + id + "/attachments/9").status, 404U);
  EXPECT_EQ(Get("/v1/messages/" + id + "/attachments/8").fields.at("content-type"),
            "application/octet-stream");
}

TEST(ContentFieldsTest, OnlyTokensAreTypes) {
  EXPECT_EQ(SafeContentType("image/svg+xml"), "image/svg+xml");
  for (const char* bad : {"", "text", "/", "text/", "text/html; x", "text/ht\r\nml", "a/b/c",
                          "a b/c", "text/h\xC3\xA4"}) {
    EXPECT_EQ(SafeContentType(bad), "application/octet-stream") << bad;
  }
}

TEST(ContentFieldsTest, NamesAreOneLineWithoutFolders) {
  EXPECT_EQ(AttachmentDisposition("report.pdf"), "attachment; filename=\"report.pdf\"");
  for (const char* name : {"../../etc/passwd", "..\\..\\passwd", "/passwd", "C:\\x\\..passwd"}) {
    EXPECT_EQ(AttachmentDisposition(name), "attachment; filename=\"passwd\"") << name;
  }
  EXPECT_EQ(AttachmentDisposition("a\r\nSet-Cookie: x\x01.txt"),
            "attachment; filename=\"aSet-Cookie: x.txt\"");
  for (const char* name : {"", "..", "/", " . ", "\r\n"}) {
    EXPECT_EQ(AttachmentDisposition(name), "attachment; filename=\"attachment\"") << name;
  }
}

TEST(ContentFieldsTest, OtherScriptsAndQuotesKeepTheirMeaning) {
  EXPECT_EQ(AttachmentDisposition("\xC3\xA4\"%.txt"),
            "attachment; filename=\"___.txt\"; filename*=UTF-8''%C3%A4%22%25.txt");
  EXPECT_EQ(AttachmentDisposition("\xFF"),
            "attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD");
}

}  // namespace
}  // namespace mailhaul::http
