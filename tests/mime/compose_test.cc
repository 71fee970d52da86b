// What compose writes, read again by our parser and by a simple reader that shares nothing with it.
#include "engine/mime/compose.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "tests/mime/mime_test_support.h"
#include "tests/mime/simple_reader.h"

namespace mailhaul::mime {
namespace {

using Strings = std::vector<std::string>;

constexpr WallTime kDate{std::chrono::sys_days(std::chrono::year(2026) / 11 / 28) +
                         std::chrono::hours(6) + std::chrono::seconds(53)};

testing::AssertionResult Begins(const std::string& text, const std::string& prefix) {
  return text.starts_with(prefix) ? testing::AssertionSuccess()
                                  : testing::AssertionFailure() << text;
}

Draft Simple() {
  Draft draft;
  draft.from = {{"Alice", "alice@acme.example"}};
  draft.to = {{"", "bob@other.example"}};
  draft.subject = "Hello";
  draft.text = "Dear Bob,\nhello.\n";
  draft.message_id = "<1@acme.example>";
  draft.date = kDate;
  return draft;
}

OutgoingMessage Composed(const Draft& draft) {
  Initialize();
  SeededRandom random(1);
  Result<OutgoingMessage> message = Compose(draft, random);
  EXPECT_TRUE(message.ok()) << message.status().ToString();
  if (!message.ok()) {
    return {};
  }
  if (!message->needs_smtputf8) {
    EXPECT_EQ(WireFault(message->bytes), "");
  }
  return *std::move(message);
}

std::string Refusal(const Draft& draft) {
  Initialize();
  SeededRandom random(1);
  const Result<OutgoingMessage> message = Compose(draft, random);
  EXPECT_EQ(message.status().code(), Code::kInvalidArgument);
  return message.status().message();
}

// "multipart/mixed(text/plain,...)"
std::string Shape(const SimplePart& part) {
  const std::string value = part.Value("Content-Type");
  std::string shape = value.substr(1, value.find(';') - 1);
  for (size_t i = 0; i < part.parts.size(); ++i) {
    shape += (i == 0 ? "(" : ",") + Shape(part.parts[i]);
  }
  return shape + (part.parts.empty() ? "" : ")");
}

TEST(Compose, WritesATextByTheByte) {
  EXPECT_EQ(Composed(Simple()).bytes,
            "Date: Sat, 28 Nov 2026 06:00:53 +0000\r\n"
            "From: Alice <alice@acme.example>\r\n"
            "To: bob@other.example\r\n"
            "Subject: Hello\r\n"
            "Message-ID: <1@acme.example>\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 7bit\r\n"
            "\r\n"
            "Dear Bob,\r\nhello.\r\n");
}

TEST(Compose, TellsTheEnvelopeAndWritesNoBcc) {
  Draft draft = Simple();
  draft.cc = {{"Carol", "carol@other.example"}, {"", "bob@other.example"}};
  draft.bcc = {{"Dora", "dora@other.example"}};
  const OutgoingMessage message = Composed(draft);
  EXPECT_EQ(message.from, "alice@acme.example");
  EXPECT_EQ(message.message_id, "1@acme.example");
  EXPECT_EQ(message.recipients,
            (Strings{"bob@other.example", "carol@other.example", "dora@other.example"}));
  EXPECT_EQ(AsciiLowered(message.bytes).find("dora"), std::string::npos);
  EXPECT_EQ(AsciiLowered(message.bytes).find("bcc"), std::string::npos);
}

TEST(Compose, ShapesFollowWhatTheDraftHolds) {
  Draft draft = Simple();
  EXPECT_EQ(Shape(ReadSimply(Composed(draft).bytes)), "text/plain");
  draft.html = "<p>hello</p>";
  EXPECT_EQ(Shape(ReadSimply(Composed(draft).bytes)),
            "multipart/alternative(text/plain,text/html)");
  draft.attachments = {{"logo.png", "image/png", "PNG", "logo@acme.example"}};
  EXPECT_EQ(Shape(ReadSimply(Composed(draft).bytes)),
            "multipart/alternative(text/plain,multipart/related(text/html,image/png))");
  draft.attachments.push_back({"a.pdf", "application/pdf", "PDF", std::nullopt});
  EXPECT_EQ(Shape(ReadSimply(Composed(draft).bytes)),
            "multipart/mixed(multipart/alternative(text/plain,multipart/related(text/html,image/"
            "png)),application/pdf)");
  draft.html.clear();
  EXPECT_EQ(Shape(ReadSimply(Composed(draft).bytes)),
            "multipart/mixed(text/plain,image/png,application/pdf)");
  draft.text.clear();
  draft.attachments.clear();
  EXPECT_EQ(Shape(ReadSimply(Composed(draft).bytes)), "text/plain");
}

TEST(Compose, OurParserReadsBackWhatWasAskedFor) {
  Draft draft = Simple();
  draft.from = {{"Jürgen \"J\" Müller, Köln", "juergen@acme.example"}};
  draft.to = {{"O'Brien, Pat", "pat@other.example"},
              {"日本太郎 (営業部) とても長い表示名がここに続きます、折り返しを確かめるために",
               "t@other.example"},
              {"=?utf-8?q?evil?=", "q@other.example"},
              {"", "\"a,b@c\"@other.example"}};
  draft.reply_to = {{"List", "list@acme.example"}};
  draft.subject = "Grüße aus Köln: " + Repeat("слово ", 60) + "end";
  draft.text = "Zeile eins ü\r\n" + Repeat("lang ", 300) + "\nFrom here\n.\n-- \nJ\n";
  draft.html = "<p>Grüße &amp; mehr</p>";
  draft.in_reply_to = "parent@x.example";
  draft.references = {"<first@x.example>", "not an id", "parent@x.example"};
  draft.attachments = {
      {"Übersicht \"2026\"; Teil 1 " + Repeat("lang", 20) + ".pdf", "application/pdf",
       std::string("\0\x01\r\n\xFF", 5) + Repeat("x", 100'000), std::nullopt},
      {"logo.png", "image/png", "PNG", "logo@acme.example"}};
  const std::string bytes = Composed(draft).bytes;
  const ParsedMessage parsed = Parse(bytes);
  EXPECT_EQ(parsed.unparsed_reason, "");
  EXPECT_EQ(parsed.subject, draft.subject);
  EXPECT_EQ(parsed.date, kDate);
  EXPECT_EQ(parsed.from.at(0).name, draft.from[0].name);
  ASSERT_EQ(parsed.to.size(), 4U);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(parsed.to[i].name, draft.to[i].name);
    EXPECT_EQ(parsed.to[i].email, draft.to[i].email);
  }
  EXPECT_EQ(parsed.reply_to.at(0).email, "list@acme.example");
  EXPECT_EQ(parsed.in_reply_to, "parent@x.example");
  EXPECT_EQ(parsed.references, (Strings{"first@x.example", "parent@x.example"}));
  ASSERT_EQ(parsed.attachments.size(), 2U);
  const size_t logo = parsed.attachments[0].is_inline ? 0 : 1;
  EXPECT_EQ(parsed.attachments[logo].content_id, "logo@acme.example");
  EXPECT_EQ(parsed.attachments[1 - logo].filename, draft.attachments[0].filename);
  EXPECT_EQ(DecodeAttachment(MemoryByteSource(bytes), 2 - logo)->bytes, draft.attachments[0].bytes);
  const MessageText text = Text(bytes);
  EXPECT_EQ(text.text, "Zeile eins ü\n" + Repeat("lang ", 300) + "\nFrom here\n.\n-- \nJ\n");
  EXPECT_EQ(text.html, draft.html + "\r\n");
}

TEST(Compose, HtmlAloneGetsATextMadeFromIt) {
  Draft draft = Simple();
  draft.text.clear();
  draft.html = "<p>Hello <b>Bob</b></p>";
  const SimplePart message = ReadSimply(Composed(draft).bytes);
  EXPECT_EQ(Shape(message), "multipart/alternative(text/plain,text/html)");
  EXPECT_TRUE(Begins(message.parts[0].body, "Hello Bob"));
}

TEST(Compose, TheSignatureStandsBelowBothBodies) {
  Draft draft = Simple();
  draft.html = "<html><body><p>hello</p></BODY></html>";
  draft.signature = "Alice <alice@acme.example>\nR&D";
  const MessageText text = Text(Composed(draft).bytes);
  EXPECT_EQ(text.text, "Dear Bob,\nhello.\n\n-- \nAlice <alice@acme.example>\nR&D\n");
  EXPECT_EQ(text.html,
            WithCrlf("<html><body><p>hello</p><div><br>\n-- <br>\n"
                     "Alice &lt;alice@acme.example&gt;<br>\nR&amp;D</div>\n</BODY></html>\n"));
}

TEST(Compose, DomainsGoAsALabels) {
  Draft draft = Simple();
  draft.to = {{"", "bob@Bücher.example"}};
  const OutgoingMessage message = Composed(draft);
  EXPECT_EQ(message.recipients, (Strings{"bob@xn--bcher-kva.example"}));
  EXPECT_FALSE(message.needs_smtputf8);
  EXPECT_EQ(ReadSimply(message.bytes).Value("To"), " bob@xn--bcher-kva.example");
}

TEST(Compose, NonAsciiLocalPartsOnlyWhenAskedFor) {
  Draft draft = Simple();
  draft.to.push_back({"", "jürgen@bücher.example"});
  EXPECT_TRUE(Begins(Refusal(draft), "to[1].email: "));
  draft.allow_utf8_local_parts = true;
  const OutgoingMessage message = Composed(draft);
  EXPECT_TRUE(message.needs_smtputf8);
  EXPECT_EQ(message.recipients.at(1), "jürgen@xn--bcher-kva.example");
  EXPECT_EQ(ReadSimply(message.bytes).Value("To"),
            " bob@other.example, jürgen@xn--bcher-kva.example");
}

TEST(Compose, AMessageIsAttachedAsOneIfItIsClean) {
  Draft draft = Simple();
  draft.attachments = {{"a.eml", "message/rfc822", "Subject: x\n\nbody\n", std::nullopt},
                       {"b.eml", "message/rfc822", "Subject: ü\n\nbody\n", std::nullopt},
                       {"c", "message/partial", "x", std::nullopt}};
  EXPECT_EQ(Shape(ReadSimply(Composed(draft).bytes)),
            "multipart/mixed(text/plain,message/rfc822,application/octet-stream,application/"
            "octet-stream)");
}

TEST(Compose, ContentTypesKeepTheirParameters) {
  Draft draft = Simple();
  draft.attachments = {
      {"", "Text/Calendar; method=REQUEST; charset=\"utf-8\"", "BEGIN:VCALENDAR", std::nullopt},
      {"", "", "x", std::nullopt}};
  const SimplePart message = ReadSimply(Composed(draft).bytes);
  EXPECT_EQ(message.parts.at(1).Value("Content-Type"),
            " text/calendar; method=REQUEST; charset=utf-8");
  EXPECT_EQ(message.parts.at(2).Value("Content-Type"), " application/octet-stream");
}

TEST(Compose, FoldsLongFieldsAndKeepsTheirSpaces) {
  Draft draft = Simple();
  draft.subject = Repeat("word  ", 100) + "end";
  draft.headers = {{"List-Unsubscribe", "<https://acme.example/" + Repeat("u", 300) + ">"},
                   {"X-Long", Repeat("x", 2'000)}};
  for (int i = 0; i < 200; ++i) {
    draft.references.push_back(std::to_string(i) + Repeat("r", 80) + "@acme.example");
  }
  const OutgoingMessage message = Composed(draft);
  const ParsedMessage parsed = Parse(message.bytes);
  EXPECT_EQ(parsed.subject, draft.subject);
  EXPECT_EQ(ReadSimply(message.bytes).Value("List-Unsubscribe"), " " + draft.headers[0].value);
  EXPECT_LT(parsed.references.size(), 200U);
  EXPECT_TRUE(Begins(parsed.references.front(), "0r"));
  EXPECT_TRUE(Begins(parsed.references.back(), "199r"));
}

TEST(Compose, LimitsNameTheField) {
  const auto refusal = [](void (*change)(Draft&)) {
    Draft draft = Simple();
    change(draft);
    return Refusal(draft);
  };
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.from.clear(); }), "from: "));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.to.clear(); }), "to: at least one"));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.bcc.assign(kDraftRecipientsMax, d.to[0]); }),
                     "to: more than 1000"));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.subject.assign(kDraftSubjectBytesMax + 1, 'x'); }),
                     "subject: longer than 2000"));
  EXPECT_TRUE(Begins(refusal([](Draft& d) {
                       d.headers.assign(kDraftHeadersMax + 1, {"X-A", "b"});
                     }),
                     "headers: more than 100"));
  EXPECT_TRUE(
      Begins(refusal([](Draft& d) {
               d.headers = {{"X-A", "b"}, {"X-B", std::string(kDraftHeaderValueBytesMax + 1, 'x')}};
             }),
             "headers[1].value: "));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.headers = {{"X-A:", "b"}}; }), "headers[0].name: "));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.attachments.resize(kDraftAttachmentsMax + 1); }),
                     "attachments: more than 100"));
  EXPECT_TRUE(Begins(refusal([](Draft& d) {
                       d.attachments.resize(1);
                       d.attachments[0].bytes.assign(kDraftBytesMax, 'x');
                     }),
                     "attachments: text, html and attachments"));
  EXPECT_TRUE(Begins(refusal([](Draft& d) {
                       d.attachments.resize(1);
                       d.attachments[0].filename.assign(kDraftFilenameBytesMax + 1, 'x');
                     }),
                     "attachments[0].filename: "));
  EXPECT_TRUE(Begins(refusal([](Draft& d) {
                       d.headers.assign(100, {"X-A", std::string(kDraftHeaderValueBytesMax, '=')});
                     }),
                     "headers: the message's header"));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.message_id = "x"; }), "message_id: "));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.in_reply_to = "<a b@c>"; }), "in_reply_to: "));
  EXPECT_TRUE(
      Begins(refusal([](Draft& d) { d.date = WallTime(std::chrono::hours(-1)); }), "date: "));
  EXPECT_TRUE(Begins(refusal([](Draft& d) { d.text = "\xFF"; }), "text: "));
}

TEST(Compose, TakesWhatLiesAtTheLimits) {
  Draft draft = Simple();
  draft.to.assign(kDraftRecipientsMax, draft.to[0]);
  draft.subject.assign(kDraftSubjectBytesMax, 'x');
  draft.headers.assign(kDraftHeadersMax, {std::string(kDraftHeaderNameBytesMax, 'X'),
                                          std::string(kDraftHeaderValueBytesMax / 4, '=')});
  draft.headers[0].value.assign(kDraftHeaderValueBytesMax, '=');
  draft.attachments.resize(kDraftAttachmentsMax);
  draft.attachments[7].filename.assign(kDraftFilenameBytesMax, '"');
  draft.message_id = std::string(kDraftIdBytesMax - 2, 'i') + "@x";
  const ParsedMessage parsed = Parse(Composed(draft).bytes);
  EXPECT_EQ(parsed.to.size(), kDraftRecipientsMax);
  EXPECT_EQ(parsed.subject, draft.subject);
  EXPECT_EQ(parsed.attachments.size(), kDraftAttachmentsMax);
  EXPECT_EQ(parsed.attachments[7].filename, draft.attachments[7].filename);
  EXPECT_EQ(parsed.message_id, draft.message_id);
}

TEST(Compose, ExtraHeadersDescribeNeitherStructureNorWayNorAuthenticity) {
  for (const std::string_view name : {"From",
                                      "TO",
                                      "cc",
                                      "Bcc",
                                      "Date",
                                      "Message-ID",
                                      "Subject",
                                      "Reply-To",
                                      "In-Reply-To",
                                      "References",
                                      "Content-Type",
                                      "content-anything",
                                      "MIME-Version",
                                      "Received",
                                      "Received-SPF",
                                      "Return-Path",
                                      "DKIM-Signature",
                                      "ARC-Seal",
                                      "Sender",
                                      "Resent-To",
                                      "Authentication-Results",
                                      "Delivered-To",
                                      "X A",
                                      "X-A:",
                                      "X-\xC3\xBC",
                                      "",
                                      "X\r\nBcc"}) {
    EXPECT_FALSE(IsAllowedExtraHeader(name)) << name;
  }
  for (const std::string_view name :
       {"X-Campaign", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted", "Importance",
        "Keywords", "Feedback-ID", "Disposition-Notification-To"}) {
    EXPECT_TRUE(IsAllowedExtraHeader(name)) << name;
  }
}

}  // namespace
}  // namespace mailhaul::mime
