// Mail made to hurt: each ends, with a bounded result. That it ends soon follows from the limits
// the other tests check, not from a clock.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/text.h"
#include "tests/mime/mime_test_support.h"

namespace mailhaul::mime {
namespace {

void ExpectClean(const std::string& text, size_t bytes_max) {
  EXPECT_LE(text.size(), bytes_max);
  EXPECT_TRUE(IsValidUtf8(text)) << EscapeForLog(text);
  EXPECT_EQ(text.find('\0'), std::string::npos);
}

void ExpectBounded(const std::string& mail) {
  const ParsedMessage message = Parse(mail);
  ExpectClean(message.subject, kSubjectBytesMax);
  ExpectClean(message.preview, kPreviewBytesMax);
  ExpectClean(message.message_id, kMessageIdBytesMax);
  EXPECT_LE(message.references.size(), kReferencesMax);
  EXPECT_LE(message.attachments.size(), kAttachmentsMax);
  for (const auto* mailboxes : {&message.from, &message.to, &message.cc, &message.reply_to}) {
    EXPECT_LE(mailboxes->size(), kAddressesMax);
  }
  for (const AttachmentInfo& info : message.attachments) {
    ExpectClean(info.filename, kFilenameBytesMax);
    ExpectClean(info.content_type, 2 * 127 + 1);
  }
  const MessageText text = Text(mail, 10'000);
  ExpectClean(text.text, 10'000);
  ExpectClean(text.html, 10'000);
}

TEST(Hostile, NotMailAtAllIsReported) {
  EXPECT_EQ(Parse("").unparsed_reason, "empty");
  EXPECT_EQ(Parse("just text\nwithout a header\n\nbody").unparsed_reason, "no header fields");
  EXPECT_EQ(Parse("\n\nbody").unparsed_reason, "no header fields");
  EXPECT_EQ(Parse(std::string(1'000, '\0')).unparsed_reason, "no header fields");
  EXPECT_EQ(Parse("Subject: only a header").unparsed_reason, "");
}

TEST(Hostile, MessageOverALimitKeepsTheHeaderSeenBefore) {
  const ParsedMessage message = Parse(
      "From: a@b.example\nSubject: bomb\nContent-Type: "
      "multipart/mixed; boundary=b\n\n" +
      Repeat("--b\n\n", 20'000));
  EXPECT_EQ(message.unparsed_reason, "more than 10000 parts");
  EXPECT_EQ(message.subject, "bomb");
  ASSERT_EQ(message.from.size(), 1U);
  EXPECT_TRUE(message.attachments.empty());
}

TEST(Hostile, HeaderValuesOfAnyShapeAreBounded) {
  const std::array<std::string, 12> values = {Repeat("a@b.c,", 100'000),
                                              Repeat("g:", 100'000),
                                              Repeat("(", 300'000),
                                              Repeat("<", 300'000),
                                              Repeat("\"", 300'001),
                                              Repeat("\\", 300'000),
                                              Repeat("=?utf-8?b?QQ==?= ", 20'000),
                                              Repeat("=?", 200'000),
                                              Repeat("@", 300'000),
                                              Repeat(";a*0*=", 50'000),
                                              Repeat("[", 300'000),
                                              Repeat("a ", 150'000)};
  for (const std::string& value : values) {
    for (const char* name : {"To", "Subject", "References", "Content-Type", "Date",
                             "Content-Disposition", "Message-ID"}) {
      ExpectBounded(std::string(name) + ": " + value + "\n\nbody\n");
    }
  }
}

TEST(Hostile, BodiesOfAnyShapeAreBounded) {
  const std::array<std::string, 10> bodies = {
      Repeat("<", 200'000),      Repeat("<a ", 100'000), Repeat("<style>", 50'000),
      Repeat("</style", 50'000), Repeat("<!--", 50'000), Repeat("&", 200'000),
      Repeat("<p a=\"", 50'000), Repeat("=", 200'000),   Repeat("\r", 200'000),
      std::string(200'000, '\0')};
  for (const std::string& body : bodies) {
    for (const char* type :
         {"text/plain; format=flowed", "text/html", "image/png", "message/rfc822"}) {
      for (const char* encoding : {"7bit", "base64", "quoted-printable", "x-uuencode"}) {
        ExpectBounded("Subject: x\nContent-Type: " + std::string(type) +
                      "\nContent-Transfer-Encoding: " + encoding + "\n\n" + body);
      }
    }
  }
}

TEST(Hostile, CharsetsOfAnyNameAreBounded) {
  for (const char* charset :
       {"utf-7", "utf-16", "utf-32le", "iso-2022-kr", "iso-2022-cn-ext", "hz-gb-2312", "gb18030",
        "euc-tw", "cp1255", "ibm1364", "\xFF", "%s%n"}) {
    for (const std::string& bytes : {Repeat("\xFF\xFE", 5'000), Repeat("\x1B$)C\x0E", 5'000),
                                     Repeat("~{", 5'000), Repeat("+AGE", 5'000)}) {
      ExpectBounded("Subject: =?" + std::string(charset) +
                    "?q?=FF=1B$?=\nContent-Type: text/plain; charset=\"" + charset + "\"\n\n" +
                    bytes);
    }
  }
}

TEST(Hostile, EveryPrefixOfAMessageIsHandled) {
  const std::string mail =
      "From: =?utf-8?q?=C3=BC?= <a@b.example>\r\nTo: g: a@b.example, \"c\" <c@d.example>;\r\n"
      "Subject: =?iso-2022-jp?B?GyRCMnE1RBsoQg==?=\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\n"
      "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n"
      "Content-Type: text/html; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "PGI+8NI8L2I+\r\n--ab\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--ab\r\n"
      "Content-Disposition: attachment; filename*=utf-8''%C3%BC\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=\r\n=BC\r\n--ab--\r\n";
  for (size_t size = 0; size <= mail.size(); ++size) {
    ExpectBounded(mail.substr(0, size));
  }
}

}  // namespace
}  // namespace mailhaul::mime
