#include <gtest/gtest.h>

#include <string>

#include "base/text.h"
#include "engine/mime/charset.h"
#include "engine/mime/html_text.h"
#include "engine/mime/text_extract.h"
#include "tests/mime/mime_test_support.h"

namespace mailhaul::mime {
namespace {

constexpr std::string_view kAlternative =
    "From: a@b.example\nContent-Type: multipart/alternative; boundary=x\n\n"
    "--x\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
    "quoted-printable\n\nGr=FC=DFe,\nzwei=\n Zeilen\n"
    "--x\nContent-Type: text/html; charset=utf-8\n\n<p>Gr\xC3\xBC\xC3\x9F"
    "e</p>\n--x--\n";

TEST(Bodies, AlternativeGivesTextAndHtml) {
  const MessageText text = Text(WithCrlf(kAlternative));
  EXPECT_EQ(text.text, "Grüße,\nzwei Zeilen");
  EXPECT_EQ(text.html, "<p>Grüße</p>");
  const ParsedMessage message = Parse(kAlternative);
  EXPECT_EQ(message.preview, "Grüße, zwei Zeilen");
  EXPECT_TRUE(message.attachments.empty());
}

TEST(Bodies, HtmlAloneIsTurnedToText) {
  const std::string mail =
      "Subject: x\nContent-Type: text/html\n\n<html><head><title>T</title><style>p{}</style>"
      "</head><body><p>One &amp; two</p><p>Three</p></body></html>\n";
  EXPECT_EQ(Text(mail).text, "One & two\nThree");
  EXPECT_EQ(Parse(mail).preview, "One & two Three");
}

TEST(Bodies, EmptyTextAlternativeIsReplacedByTheHtml) {
  const std::string mail =
      "Content-Type: multipart/alternative; boundary=x\n\n--x\n\n \n--x\n"
      "Content-Type: text/html\n\n<b>hi</b>\n--x--\n";
  EXPECT_EQ(Text(mail).text, "hi");
  EXPECT_EQ(Parse(mail).preview, "hi");
}

TEST(Bodies, FootersOfListsAreJoined) {
  const std::string mail =
      "Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nbody\n--x\n"
      "Content-Type: text/plain\n\nfooter\n--x--\n";
  EXPECT_EQ(Text(mail).text, "body\nfooter");
  EXPECT_TRUE(Parse(mail).attachments.empty());
}

TEST(Bodies, HtmlBodyWithATextFooterKeepsBoth) {
  const std::string mail =
      "Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n"
      "<i>body</i>\n--x\n\nfooter\n--x--\n";
  EXPECT_EQ(Text(mail).text, "body\nfooter");
  EXPECT_EQ(Parse(mail).preview, "body");
}

TEST(Bodies, MessageWithoutMimeHeadersIsPlainText) {
  const ParsedMessage message = Parse("Subject: old\r\n\r\nJust\r\n  text.\r\n");
  EXPECT_EQ(message.subject, "old");
  EXPECT_EQ(message.preview, "Just text.");
  EXPECT_EQ(message.unparsed_reason, "");
}

TEST(Bodies, FlowedTextBecomesParagraphs) {
  const std::string mail =
      "Subject: f\r\nContent-Type: text/plain; format=flowed\r\n\r\n"
      "A long \r\nparagraph.\r\n> quoted \r\n> text\r\n plain \r\n-- \r\nme\r\n";
  EXPECT_EQ(Text(mail).text, "A long paragraph.\n> quoted text\nplain \n-- \nme\n");
}

TEST(Bodies, FlowedTextWithDelSpJoinsWithoutSpaces) {
  EXPECT_EQ(Unflow("\u4F1A \n\u8B70\n", true), "\u4F1A\u8B70\n");
  EXPECT_EQ(Unflow("", false), "");
  EXPECT_EQ(Unflow("open ", false), "open ");
}

TEST(Bodies, CharsetsOfBodiesAreConverted) {
  const auto body = [](const std::string& charset, const std::string& bytes) {
    return Text("Subject: x\nContent-Type: text/plain; charset=\"" + charset + "\"\n\n" + bytes)
        .text;
  };
  EXPECT_EQ(body("KOI8-R", "\xF0\xD2\xC9\xD7\xC5\xD4"), "Привет");
  EXPECT_EQ(body("big5", "\xBD\xD0\xAC\x64\xA6\xAC"), "請查收");
  EXPECT_EQ(body("gb2312", "\xBB\xE1\xD2\xE9\xB8\xBD\xBC\xFE"), "会议附件");
  EXPECT_EQ(body("shift_jis", "\x90\xBF\x8B\x81\x8F\x91"), "請求書");
  EXPECT_EQ(body("iso-2022-jp", "\x1B\x24\x42\x32\x71\x35\x44\x1B\x28\x42"), "会議");
  EXPECT_EQ(body("iso-8859-7", "\xF3\xF5\xED\xDC"), "συνά");
  EXPECT_EQ(body("iso-8859-1", "\x80"), "€");
  EXPECT_EQ(body("us-ascii",
                 "Gr\xFC\xDF"
                 "e"),
            "Grüße");
  EXPECT_EQ(body("x-unknown",
                 "Gr\xC3\xBC\xC3\x9F"
                 "e"),
            "Grüße");
  EXPECT_EQ(body("utf-8", "a\xFFz"), "a\uFFFDz");
}

TEST(Bodies, NulsBecomeReplacementCharacters) {
  EXPECT_EQ(Text(std::string("Subject: x\n\na\0b", 15)).text,
            "a\uFFFD"
            "b");
}

TEST(Bodies, PreviewIsFoldedAndCutBetweenCharacters) {
  const std::string mail = "Subject: x\nContent-Type: text/plain; charset=utf-8\n\n\u200B\u00A0" +
                           Repeat("\u00FC  ", 300) + "\n";
  const std::string preview = Parse(mail).preview;
  EXPECT_LE(preview.size(), kPreviewBytesMax);
  EXPECT_GE(preview.size(), kPreviewBytesMax - 3);
  EXPECT_TRUE(IsValidUtf8(preview));
  EXPECT_TRUE(preview.starts_with("ü ü"));
}

TEST(Bodies, PreviewLooksBehindALongStyleSheet) {
  const std::string mail = "Subject: x\nContent-Type: text/html\n\n<style>" +
                           Repeat("p { color: red }\n", 1'000) + "</style><p>Hello</p>";
  EXPECT_EQ(Parse(mail).preview, "Hello");
}

TEST(Bodies, TextsAreCutAtTheLimit) {
  const std::string mail =
      "Subject: x\nContent-Type: text/plain; charset=utf-8\n\n" + Repeat("\u00FC", 10'000);
  EXPECT_EQ(Text(mail, 101).text, Repeat("\u00FC", 50));
  EXPECT_EQ(Text(mail, 0).text, "");
}

TEST(Bodies, PiecewiseSourceGivesTheSameTextAndFields) {
  const std::string mail = WithCrlf(kAlternative) + Repeat("epilogue\r\n", 20'000);
  Initialize();
  const PiecewiseSource source(mail);
  const ParsedMessage message = ParseMessage(source);
  EXPECT_EQ(message.preview, "Grüße, zwei Zeilen");
  ASSERT_EQ(message.from.size(), 1U);
  EXPECT_EQ(DecodeText(source, 1'000).html, "<p>Grüße</p>");
}

TEST(Bodies, UnreadableSourceIsReported) {
  Initialize();
  EXPECT_EQ(ParseMessage(FailingSource()).unparsed_reason, "cannot be read: disk");
  EXPECT_EQ(DecodeText(FailingSource(), 10).text, "");
  EXPECT_EQ(DecodeAttachment(FailingSource(), 1).status().code(), Code::kIo);
}

TEST(HtmlText, BlocksStartLinesAndSpaceIsFolded) {
  EXPECT_EQ(HtmlToText("a<br>b<div>c  d\n e</div>f", 100), "a\nb\nc d e\nf");
  EXPECT_EQ(HtmlToText("<table><tr><td>1</td><td>2</td></tr><tr><td>3", 100), "1 2\n3");
}

TEST(HtmlText, ReferencesAreResolved) {
  EXPECT_EQ(HtmlToText("&lt;&#65;&#x42;&euro;&nbsp;&auml;&gt;", 100), "<AB€ ä>");
  EXPECT_EQ(HtmlToText("&unknown; & &#xD800; &#0; &#99999999999;", 100),
            "&unknown; & \uFFFD &#0; &#99999999999;");
}

TEST(HtmlText, MarkupThatHidesTextIsSkipped) {
  EXPECT_EQ(HtmlToText("a<script>if (a < b) '</p>'</script>b", 100), "ab");
  EXPECT_EQ(HtmlToText("a<!-- <p>x</p> -->b<STYLE>p</STYLE >c", 100), "abc");
  EXPECT_EQ(HtmlToText("<a title=\"x > y\" href='>'>link</a>", 100), "link");
  EXPECT_EQ(HtmlToText("1 < 2 <3", 100), "1 < 2 <3");
}

TEST(HtmlText, UnclosedMarkupEndsTheText) {
  EXPECT_EQ(HtmlToText("a<b", 100), "a");
  EXPECT_EQ(HtmlToText("a<!-- b", 100), "a");
  EXPECT_EQ(HtmlToText("a<style>b", 100), "a");
  EXPECT_EQ(HtmlToText("a<", 100), "a<");
  EXPECT_EQ(HtmlToText("<p title=\"never closed>text</p>", 100), "");
}

TEST(HtmlText, EveryPrefixIsHandledAndTheLimitHolds) {
  const std::string html = "<p a='b'>x &amp; \u00FC<!-- c --><script>d</script><br/>y</p>";
  for (size_t size = 0; size <= html.size(); ++size) {
    EXPECT_LE(HtmlToText(std::string_view(html).substr(0, size), 5).size(), 5U);
  }
}

TEST(Charset, IncompleteCharacterAtACutIsDropped) {
  EXPECT_EQ(ToUtf8("a\xE2\x82", "utf-8", true), "a");
  EXPECT_EQ(ToUtf8("a\xE2\x82", "utf-8", false), "a\uFFFD\uFFFD");
  EXPECT_EQ(ToUtf8("\x90\xBF\x8B", "shift_jis", true), "請");
  EXPECT_EQ(ToUtf8("\x90\xBF\x8B", "shift_jis", false), "請\uFFFD");
}

TEST(Charset, NamesThatAreNoMailCharsetsAreNotTried) {
  for (const char* name : {"", "../../etc/passwd", "utf-8//IGNORE", "ebcdic-us", "unicode\n"}) {
    EXPECT_EQ(ToUtf8("\xFC", name, false), "ü") << name;
  }
  EXPECT_EQ(ToUtf8("\xFC", std::string(1'000, 'u'), false), "ü");
}

}  // namespace
}  // namespace mailhaul::mime
