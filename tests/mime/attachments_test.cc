#include "engine/mime/attachments.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"
#include "engine/mime/byte_scan.h"
#include "engine/mime/transfer_encoding.h"
#include "tests/mime/mime_test_support.h"

namespace mailhaul::mime {
namespace {

std::string WithPart(const std::string& header_and_body) {
  return "Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nbody\n--x\n" +
         header_and_body + "\n--x--\n";
}

AttachmentInfo OnlyAttachment(const std::string& mail) {
  const ParsedMessage message = Parse(mail);
  EXPECT_EQ(message.attachments.size(), 1U);
  return message.attachments.empty() ? AttachmentInfo() : message.attachments.front();
}

std::string NameOf(const std::string& disposition) {
  return OnlyAttachment(WithPart("Content-Type: application/pdf\nContent-Disposition: " +
                                 disposition + "\n\n%PDF"))
      .filename;
}

TEST(Attachments, AreDescribedWithoutDecoding) {
  const AttachmentInfo info = OnlyAttachment(WithPart(
      "Content-Type: Application/PDF; name=\"ignored.pdf\"\nContent-Transfer-Encoding: base64\n"
      "Content-Disposition: attachment; filename=\"a b.pdf\"\nContent-ID: <1@x>\n\n"
      "SGVsbG8s\nIHdvcmxkIQ=="));
  EXPECT_EQ(info.filename, "a b.pdf");
  EXPECT_EQ(info.content_type, "application/pdf");
  EXPECT_EQ(info.content_id, "1@x");
  EXPECT_EQ(info.size, 13U);
  EXPECT_FALSE(info.is_inline);
}

TEST(Attachments, NamesAreDecoded) {
  EXPECT_EQ(NameOf("attachment; filename*=UTF-8''%D0%BE%D1%82%D1%87.pdf"), "отч.pdf");
  EXPECT_EQ(NameOf("attachment; filename*0=\"a\";\n filename*1*=%20b; filename*2=.pdf"), "a b.pdf");
  EXPECT_EQ(NameOf("attachment; filename=\"=?utf-8?q?=C3=A4?=.pdf\""), "ä.pdf");
  EXPECT_EQ(NameOf("attachment; filename=\"=?utf-8?b?w6Q=?= =?utf-8?b?w6QucGRm?=\""), "ää.pdf");
  EXPECT_EQ(NameOf("attachment; filename=\xE4.pdf"), "ä.pdf");
  EXPECT_EQ(NameOf("attachment; filename=\"C:\\\\dir\\\\a.pdf\""), "C:\\dir\\a.pdf");
  EXPECT_EQ(NameOf("attachment"), "");
}

TEST(Attachments, LongNamesAreCutBetweenCharacters) {
  const std::string name = NameOf("attachment; filename=\"" + Repeat("\u00FC", 400) + "\"");
  EXPECT_EQ(name.size(), kFilenameBytesMax - 1);
  EXPECT_TRUE(IsValidUtf8(name));
}

TEST(Attachments, OfARelatedPageAreInline) {
  const ParsedMessage message = Parse(
      "Subject: x\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n"
      "<img src=cid:1@x>\n--x\nContent-Type: image/png\nContent-ID: <1@x>\n\npng\n--x\n"
      "Content-Type: image/gif\n\ngif\n--x--\n");
  ASSERT_EQ(message.attachments.size(), 2U);
  EXPECT_TRUE(message.attachments[0].is_inline);
  EXPECT_EQ(message.attachments[0].content_id, "1@x");
  EXPECT_FALSE(message.attachments[1].is_inline);
}

TEST(Attachments, OutlookStyleMailHasBodyPicturesAndFiles) {
  const ParsedMessage message = Parse(
      "Subject: x\nContent-Type: multipart/mixed; boundary=m\n\n"
      "--m\nContent-Type: multipart/related; boundary=r; type=\"multipart/alternative\"\n\n"
      "--r\nContent-Type: multipart/alternative; boundary=a\n\n"
      "--a\nContent-Type: text/plain\n\nHello\n--a\nContent-Type: "
      "text/html\n\n<p>Hello</p>\n--a--\n"
      "--r\nContent-Type: image/png; name=\"image001.png\"\nContent-ID: <image001.png@01>\n"
      "Content-Disposition: inline; filename=\"image001.png\"\n\npng\n--r--\n"
      "--m\nContent-Type: application/ms-tnef; name=\"winmail.dat\"\n\ntnef\n--m--\n");
  EXPECT_EQ(message.preview, "Hello");
  ASSERT_EQ(message.attachments.size(), 2U);
  EXPECT_EQ(message.attachments[0].filename, "image001.png");
  EXPECT_TRUE(message.attachments[0].is_inline);
  EXPECT_EQ(message.attachments[1].content_type, "application/ms-tnef");
  EXPECT_FALSE(message.attachments[1].is_inline);
}

TEST(Attachments, ForwardedMessageIsNamedByItsSubject) {
  const std::string inner = "From: a@b\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\ninner text";
  const std::string mail = WithPart("Content-Type: message/rfc822\n\n" + inner);
  const AttachmentInfo info = OnlyAttachment(mail);
  EXPECT_EQ(info.filename, "Grüße.eml");
  EXPECT_EQ(info.content_type, "message/rfc822");
  EXPECT_EQ(info.size, inner.size());
  EXPECT_EQ(Text(mail).text, "body");
  const Result<DecodedAttachment> decoded = DecodeAttachment(MemoryByteSource(mail), 1);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->bytes, inner);
}

TEST(Attachments, BounceShowsItsTextAndListsTheRest) {
  const ParsedMessage message = Parse(
      "Subject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; "
      "boundary=x\n\n--x\n\nSorry.\n--x\nContent-Type: message/delivery-status\n\n"
      "Reporting-MTA: dns; x\n\nStatus: 5.1.1\n--x\nContent-Type: text/rfc822-headers\n\n"
      "Subject: a\n--x\nContent-Type: text/plain\n\nmore\n--x--\n");
  EXPECT_EQ(message.preview, "Sorry.");
  ASSERT_EQ(message.attachments.size(), 3U);
  EXPECT_EQ(message.attachments[0].content_type, "message/delivery-status");
  EXPECT_EQ(message.attachments[1].content_type, "text/rfc822-headers");
  EXPECT_EQ(message.attachments[2].content_type, "text/plain");
}

TEST(Attachments, InviteSignatureAndCipherTextAreListed) {
  EXPECT_EQ(
      OnlyAttachment("Subject: x\nContent-Type: multipart/alternative; boundary=x\n\n--x\n\nt\n"
                     "--x\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n--x--\n")
          .content_type,
      "text/calendar");
  EXPECT_EQ(
      OnlyAttachment("Subject: x\nContent-Type: multipart/signed; boundary=x\n\n--x\n\nt\n--x\n"
                     "Content-Type: application/pgp-signature; name=s.asc\n\nsig\n--x--\n")
          .filename,
      "s.asc");
  EXPECT_EQ(Parse("Subject: x\nContent-Type: multipart/encrypted; boundary=x\n\n--x\n"
                  "Content-Type: application/pgp-encrypted\n\nVersion: 1\n--x\n"
                  "Content-Type: application/octet-stream\n\ncipher\n--x--\n")
                .attachments.size(),
            2U);
}

TEST(Attachments, TextFilesAreAttachmentsBesideABody) {
  EXPECT_EQ(OnlyAttachment(WithPart("Content-Type: text/plain; name=a.txt\n\nfile")).filename,
            "a.txt");
  EXPECT_EQ(OnlyAttachment(WithPart("Content-Disposition: attachment\n\nfile")).content_type,
            "text/plain");
  EXPECT_EQ(OnlyAttachment(WithPart("Content-Type: text/html\nContent-Disposition: attachment; "
                                    "filename=a.html\n\n<p>"))
                .filename,
            "a.html");
}

TEST(Attachments, WholeMessageCanBeOne) {
  const std::string mail = "Subject: scan\nContent-Type: application/pdf\n\n%PDF";
  EXPECT_EQ(OnlyAttachment(mail).size, 4U);
  EXPECT_EQ(Text(mail).text, "");
}

TEST(Attachments, AreNumberedFromOneInOrder) {
  const std::string mail = WithPart(
      "Content-Type: image/png\n\none\n--x\nContent-Type: "
      "image/gif\nContent-Transfer-Encoding: base64\n\ndHdv");
  Initialize();
  const MemoryByteSource source(mail);
  EXPECT_EQ(DecodeAttachment(source, 1)->bytes, "one");
  const Result<DecodedAttachment> second = DecodeAttachment(source, 2);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->bytes, "two");
  EXPECT_EQ(second->info.content_type, "image/gif");
  EXPECT_EQ(second->info.size, 3U);
  EXPECT_EQ(DecodeAttachment(source, 0).status().code(), Code::kNotFound);
  EXPECT_EQ(DecodeAttachment(source, 3).status().code(), Code::kNotFound);
}

TEST(Attachments, MoreThanTheLimitAreNotListed) {
  const std::string mail = "Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n" +
                           Repeat("--x\nContent-Type: a/b\n\n.\n", kAttachmentsMax + 5) + "--x--\n";
  EXPECT_EQ(Parse(mail).attachments.size(), kAttachmentsMax);
  EXPECT_EQ(DecodeAttachment(MemoryByteSource(mail), kAttachmentsMax + 1).status().code(),
            Code::kNotFound);
}

// The size told without decoding is that of the decoded bytes, from memory and in pieces.
void ExpectSize(TransferEncoding encoding, const std::string& body) {
  Part part;
  part.encoding = encoding;
  part.body_end = body.size();
  const Result<std::string> decoded = DecodeBody(MemoryByteSource(body), part, body.size() + 1);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*DecodedSize(MemoryByteSource(body), part), decoded->size()) << EscapeForLog(body);
  EXPECT_EQ(*DecodedSize(PiecewiseSource(body), part), decoded->size());
  EXPECT_EQ(*DecodeBody(PiecewiseSource(body), part, body.size() + 1), *decoded);
}

TEST(TransferEncodings, SizeIsKnownWithoutDecoding) {
  Initialize();
  for (const char* body : {"", "QQ==", "QUI=", "QUJD", "QUJD\r\nRA==\r\n", " Q U J D "}) {
    ExpectSize(TransferEncoding::kBase64, body);
  }
  for (const char* body : {"", "abc", "a=3Db", "a=\r\nb", "a=\nb", "a=3D=3D", "=C3=BC\r\n"}) {
    ExpectSize(TransferEncoding::kQuotedPrintable, body);
  }
  ExpectSize(TransferEncoding::kIdentity, "as it is =3D");
  ExpectSize(TransferEncoding::kUuencode, "begin 644 a\n#0V%T\n`\nend\n");
  ExpectSize(TransferEncoding::kBase64, Repeat("QUJDRUZHSElKS0xN\r\n", 20'000));
  ExpectSize(TransferEncoding::kQuotedPrintable, Repeat("a=C3=BCb=\r\n", 20'001));
}

TEST(TransferEncodings, DecodingStopsAtTheLimit) {
  Part part;
  const std::string body = Repeat("x", 200'000);
  part.body_end = body.size();
  EXPECT_EQ(DecodeBody(MemoryByteSource(body), part, 70'000)->size(), 70'000U);
}

TEST(ByteScan, FindsLinesOfDashesAtEveryPlace) {
  for (size_t before = 0; before < 200; ++before) {
    std::string text = std::string(before, 'x') + "\n--b\n";
    EXPECT_EQ(FindDashLine(text), before + 1);
    text = std::string(before, '-') + "\n-x\n\n-";
    EXPECT_EQ(FindDashLine(text), text.size() - 1);
    EXPECT_EQ(FindDashLine(std::string(before, '-') + "\n"), before + 1);
    EXPECT_EQ(FindDashLine(std::string(before, '-')), std::string_view::npos);
  }
}

TEST(ByteScan, CountsDigitsOfEveryLength) {
  for (size_t size = 0; size < 300; ++size) {
    EXPECT_EQ(CountBase64Digits(std::string(size, 'A') + "\r\n= "), size);
  }
}

TEST(Attachments, BrokenUuencodingDecodesTheSameWhereverItIsCut) {
  const std::string mail = WithPart(
      "Content-Type: application/octet-stream\nContent-Transfer-Encoding: x-uuencode\n\n"
      "no begin line\r\nTo: a, \"C\" <c@d.example>\xE2\x80\x8C\r\nbegin 644 x\n#86)C\n"
      "M short\r\nSubject: =?iso-2022-jp?B?GyRCMnE1RBsoQg==?=\r\n`\nend\n");
  const AttachmentInfo info = OnlyAttachment(mail);
  const std::string whole = DecodeAttachment(MemoryByteSource(mail), 1)->bytes;
  EXPECT_EQ(info.size, whole.size());
  for (size_t piece = 1; piece < 200; ++piece) {
    EXPECT_EQ(DecodeAttachment(PiecewiseSource(mail, piece), 1)->bytes, whole) << piece;
  }
}

}  // namespace
}  // namespace mailhaul::mime
