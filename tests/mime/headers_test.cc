#include "engine/mime/headers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/units.h"
#include "tests/mime/mime_test_support.h"

namespace mailhaul::mime {
namespace {

std::string SubjectOf(const std::string& raw) { return Parse("Subject: " + raw + "\n\n").subject; }

// "name <email>, ..."
std::string Listed(const std::vector<Mailbox>& mailboxes) {
  std::string listed;
  for (const Mailbox& mailbox : mailboxes) {
    listed += (listed.empty() ? "" : ", ") + mailbox.name + "<" + mailbox.email + ">";
  }
  return listed;
}

std::string ToOf(const std::string& raw) { return Listed(Parse("To: " + raw + "\n\n").to); }

std::string DateOf(const std::string& raw) {
  const ParsedMessage message = Parse("Date: " + raw + "\n\n");
  return message.date.has_value() ? FormatRfc3339(*message.date) : "none";
}

TEST(Headers, EncodedWordsInManyCharsetsBecomeUtf8) {
  EXPECT_EQ(SubjectOf("=?iso-2022-jp?B?GyRCMnE1RCROO3FOQRsoQg==?="), "会議の資料");
  EXPECT_EQ(SubjectOf("=?koi8-r?B?8NLJ18XULCDNydI=?="), "Привет, мир");
  EXPECT_EQ(SubjectOf("=?gb18030?B?u+HS6bi9vP4=?="), "会议附件");
  EXPECT_EQ(SubjectOf("=?shift_jis?B?kL+LgY+R?="), "請求書");
  EXPECT_EQ(SubjectOf("=?windows-1252?Q?Pr=FCfung_=96_=805?="), "Prüfung – €5");
  EXPECT_EQ(SubjectOf("=?UTF-8?q?Gr=C3=BC=C3=9Fe?= from"), "Grüße from");
}

TEST(Headers, AdjacentEncodedWordsJoinWithoutTheSpaceBetween) {
  EXPECT_EQ(SubjectOf("=?utf-8?q?a?=\r\n =?utf-8?q?b?= c"), "ab c");
}

TEST(Headers, CharacterSplitOverTwoEncodedWordsIsWhole) {
  EXPECT_EQ(SubjectOf("=?utf-8?q?=E2=82?=\r\n =?utf-8?q?=AC?="), "€");
}

TEST(Headers, PaddingEndsAWordAndNotItsNeighbours) {
  EXPECT_EQ(SubjectOf("=?UTF-8?B?SGVsbG8=?=\r\n =?UTF-8?B?IFdvcmxk?="), "Hello World");
  EXPECT_EQ(SubjectOf("=?UTF-8?B?SGVsbG8=?= \t =?utf-8*en?b?IFdvcmxk?= x"), "Hello World x");
  EXPECT_EQ(SubjectOf("=?UTF-8?B?SGVsbG8=?==?UTF-8?B?IFdvcmxk?="), "Hello World");
  EXPECT_EQ(SubjectOf("=?utf-8?B?w6Q=?= =?utf-8?B?w6TD?= =?utf-8?B?pA==?= =?utf-8?B?w6Q=?="),
            "ääää");
  EXPECT_EQ(SubjectOf("=?iso-2022-jp?B?GyRCMnE1RBsoQg==?= =?iso-2022-jp?B?GyRCO3FOQRsoQg==?="),
            "会議資料");
  EXPECT_EQ(SubjectOf("=?utf-8?B?w6Q=?= =?iso-8859-1?B?5A==?= =?utf-8?Q?=C3=A4?= =?utf-8?B?w6Q=?="),
            "ääää");
  EXPECT_EQ(SubjectOf("=?utf-8?B?SGVsbG8=IFdvcmxk?="), "Hello World");
  EXPECT_EQ(SubjectOf("=?utf-8?B?SGVsbG8?="), "Hello");
  EXPECT_EQ(ToOf("=?UTF-8?B?SsO8cmdlbg==?= =?UTF-8?B?IE3DvGxsZXI=?= <j@x.example>"),
            "Jürgen Müller<j@x.example>");
}

TEST(Headers, ALongSubjectOfManyWordsIsWhole) {
  std::string raw;
  std::string whole;
  for (int i = 0; i < 100; ++i) {
    raw += std::string(i == 0 ? "" : "\r\n ") + "=?utf-8?B?w6TDtsO8IQ==?=";
    whole += "äöü!";
  }
  EXPECT_EQ(SubjectOf(raw), whole);
}

TEST(Headers, BrokenEncodedWordsStayReadable) {
  EXPECT_EQ(SubjectOf("=?utf-8?q?open"), "=?utf-8?q?open");
  EXPECT_EQ(SubjectOf("=?utf-8?b?SGVsbG8="), "=?utf-8?b?SGVsbG8=");
  EXPECT_TRUE(IsValidUtf8(SubjectOf("=?no-such-charset?b?////?= x")));
  EXPECT_TRUE(IsValidUtf8(SubjectOf("=?utf-8?q?=FF=FE?=")));
}

TEST(Headers, UndeclaredEightBitTextIsGuessed) {
  EXPECT_EQ(SubjectOf("Grüße"), "Grüße");
  EXPECT_EQ(SubjectOf("Gr\xFC\xDF"
                      "e"),
            "Grüße");
  EXPECT_EQ(SubjectOf("\x1B$B2q5D\x1B(B"), "会議");
}

TEST(Headers, UndeclaredEightBitTextIsReadInTheCharsetOfTheBody) {
  EXPECT_EQ(Parse("Subject: \xF0\xD2\xC9\xD7\xC5\xD4\nContent-Type: text/plain; charset=koi8-r\n\n")
                .subject,
            "Привет");
}

TEST(Headers, FoldsAndControlCharactersDoNotLeave) {
  EXPECT_EQ(SubjectOf("one\r\n two\r\n\tthree"), "one two three");
  EXPECT_EQ(SubjectOf("=?utf-8?q?a=0D=0ABcc:_x?="), "a  Bcc: x");
  EXPECT_EQ(SubjectOf(std::string("a\0b", 3)),
            "a\uFFFD"
            "b");
  EXPECT_EQ(SubjectOf("a\rb"), "a b");
}

TEST(Headers, LongSubjectIsCutBetweenCharacters) {
  const std::string subject = SubjectOf(Repeat("ü", 3'000));
  EXPECT_EQ(subject.size(), kSubjectBytesMax);
  EXPECT_TRUE(IsValidUtf8(subject));
}

TEST(Headers, AddressesOfEveryFormAreRead) {
  EXPECT_EQ(ToOf("a@b.example"), "<a@b.example>");
  EXPECT_EQ(ToOf("<a@b.example>, Bob <b@c.example>"), "<a@b.example>, Bob<b@c.example>");
  EXPECT_EQ(ToOf("\"Doe, Jane\" <j@d.example>"), "Doe, Jane<j@d.example>");
  EXPECT_EQ(ToOf("=?utf-8?q?J=C3=BCrgen?= <j@x.example>"), "Jürgen<j@x.example>");
  EXPECT_EQ(ToOf("\"=?utf-8?q?J=C3=BCrgen?=\" <j@x.example>"), "Jürgen<j@x.example>");
  EXPECT_EQ(ToOf("j@x.example (Jane)"), "Jane<j@x.example>");
  EXPECT_EQ(ToOf("team: a@b.example, C <c@d.example>;, e@f.example"),
            "<a@b.example>, C<c@d.example>, <e@f.example>");
  EXPECT_EQ(ToOf("undisclosed-recipients:;"), "");
  EXPECT_EQ(ToOf("root"), "<root>");
  EXPECT_EQ(ToOf("J. Q. Public <q@p.example>"), "J. Q. Public<q@p.example>");
  EXPECT_EQ(ToOf("M\xFCller <m@x.example>"), "Müller<m@x.example>");
  EXPECT_EQ(ToOf(""), "");
}

TEST(Headers, RecipientsOfRepeatedFieldsAreJoinedAndTheFirstSenderCounts) {
  const ParsedMessage message = Parse(
      "From: a@x.example\nFrom: b@x.example\nTo: c@x.example\nTO: d@x.example\n"
      "Subject: one\nSubject: two\nDate: nonsense\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n"
      "Message-ID: <1@x>\nMessage-ID: <2@x>\nReply-To: r@x.example\nCc: e@x.example\n"
      "Bcc: f@x.example\n\n");
  EXPECT_EQ(Listed(message.from), "<a@x.example>");
  EXPECT_EQ(Listed(message.to), "<c@x.example>, <d@x.example>");
  EXPECT_EQ(Listed(message.cc), "<e@x.example>");
  EXPECT_EQ(Listed(message.bcc), "<f@x.example>");
  EXPECT_EQ(Listed(message.reply_to), "<r@x.example>");
  EXPECT_EQ(message.subject, "one");
  EXPECT_EQ(message.message_id, "1@x");
  ASSERT_TRUE(message.date.has_value());
  EXPECT_EQ(FormatRfc3339(*message.date), "2026-03-02T10:00:00Z");
}

TEST(Headers, AddressesAreBoundedInNumberAndLength) {
  const ParsedMessage message = Parse("To: " + Repeat("aaa@bbb.example, ", 20'000) +
                                      "\nCc: " + std::string(5'000, 'x') + "@y.example\n\n");
  EXPECT_EQ(message.to.size(), kAddressesMax);
  EXPECT_EQ(message.to.back().email, "aaa@bbb.example");
  ASSERT_EQ(message.cc.size(), 1U);
  EXPECT_EQ(message.cc.front().email.size(), kEmailBytesMax);
}

TEST(Headers, LongListsAreCutBetweenAddresses) {
  std::string raw;
  for (int i = 0; i < 2'000; ++i) {
    raw += "\"Name, " + std::to_string(i) + "\" <user" + std::to_string(i) + "@x.example>,\r\n ";
  }
  const ParsedMessage message = Parse("To: " + raw + "\r\n\r\n");
  ASSERT_EQ(message.to.size(), 2'000U);
  EXPECT_EQ(message.to[1'234].name, "Name, 1234");
  EXPECT_EQ(message.to[1'999].email, "user1999@x.example");
}

TEST(Headers, LargeGroupsKeepTheirMembers) {
  std::string raw = "everybody: ";
  for (int i = 0; i < 1'000; ++i) {
    raw += (i == 0 ? "user" : ",\r\n user") + std::to_string(i) + "@x.example";
  }
  const ParsedMessage message = Parse("To: " + raw + "; , last@x.example\r\n\r\n");
  ASSERT_EQ(message.to.size(), 1'001U);
  EXPECT_EQ(message.to[999].email, "user999@x.example");
  EXPECT_EQ(message.to[1'000].email, "last@x.example");
}

TEST(Headers, DatesAreReadAsSent) {
  EXPECT_EQ(DateOf("Mon, 2 Mar 2026 10:00:00 +0100"), "2026-03-02T09:00:00Z");
  EXPECT_EQ(DateOf("2 Mar 2026 10:00 GMT"), "2026-03-02T10:00:00Z");
  EXPECT_EQ(DateOf("Mon, 02 Mar 26 10:00:00 EST (comment)"), "2026-03-02T15:00:00Z");
  EXPECT_EQ(DateOf("Mon, 2 Mar 2026\r\n 23:59:59 -0830"), "2026-03-03T08:29:59Z");
}

TEST(Headers, TheTopmostReceivedThatHasADateCounts) {
  const ParsedMessage message = Parse(
      "Received: by nobody\n"
      "Received: from a (b; c)\n by d;\n\tMon, 2 Mar 2026 11:00:00 +0100 (CET)\n"
      "Received: by e; Mon, 2 Mar 2026 08:00:00 +0000\n"
      "Date: Mon, 2 Mar 2026 07:00:00 +0000\n\n");
  ASSERT_TRUE(message.received.has_value());
  EXPECT_EQ(FormatRfc3339(*message.received), "2026-03-02T10:00:00Z");
  EXPECT_FALSE(Parse("Received: x; y\nDate: Mon, 2 Mar 2026 07:00:00 +0000\n\n").received);
}

TEST(Headers, UnreadableDatesAreAbsent) {
  EXPECT_EQ(DateOf(""), "none");
  EXPECT_EQ(DateOf("yesterday"), "none");
  EXPECT_EQ(DateOf("99 Foo 99999 99:99:99 +9999"), "none");
  EXPECT_EQ(DateOf(std::string(100'000, '9')), "none");
}

TEST(Headers, IdsLoseBracketsAndWhiteSpace) {
  EXPECT_EQ(MessageIdFrom(" <a@b> "), "a@b");
  EXPECT_EQ(MessageIdFrom("<a\r\n @b>"), "a@b");
  EXPECT_EQ(MessageIdFrom("a@b"), "a@b");
  EXPECT_EQ(MessageIdFrom("Message of <a@b> and <c@d>"), "a@b");
  EXPECT_EQ(MessageIdFrom("<>"), "<>");
  EXPECT_EQ(MessageIdFrom(""), "");
  EXPECT_EQ(MessageIdFrom(std::string(5'000, 'x')).size(), kMessageIdBytesMax);
}

TEST(Headers, ReferencesKeepTheirOrder) {
  const ParsedMessage message = Parse(
      "References: <1@x> <2@x>\r\n\t<3@x>garbage<> <unclosed\r\nIn-Reply-To: <3@x> of "
      "Monday\r\n\r\n");
  EXPECT_EQ(message.references, (std::vector<std::string>{"1@x", "2@x", "3@x"}));
  EXPECT_EQ(message.in_reply_to, "3@x");
  EXPECT_EQ(Parse("References: 1@x 2@x word\n\n").references,
            (std::vector<std::string>{"1@x", "2@x"}));
}

TEST(Headers, LongReferencesKeepTheFirstAndTheLast) {
  std::string raw;
  for (int i = 0; i < 5'000; ++i) {
    raw += " <" + std::to_string(i) + "@x>";
  }
  const std::vector<std::string> references = Parse("References:" + raw + "\n\n").references;
  ASSERT_EQ(references.size(), kReferencesMax);
  EXPECT_EQ(references.front(), "0@x");
  EXPECT_EQ(references[1], "4001@x");
  EXPECT_EQ(references.back(), "4999@x");
}

TEST(Headers, ContentTypeParametersFollowRfc2231) {
  Initialize();
  const ContentType type = ParseContentType(
      " Text/HTML; charset*=us-ascii'en'utf-8; name*0*=iso-8859-1''%E4; name*1=\"b.txt\"", false);
  EXPECT_TRUE(type.Is("text", "html"));
  EXPECT_EQ(type.charset, "utf-8");
  EXPECT_EQ(type.name, "äb.txt");
}

TEST(Headers, UnreadableContentTypeIsPlainText) {
  Initialize();
  for (const char* raw : {"", "text", "/", "\x01\x02", "; charset=x", "a b/c d"}) {
    EXPECT_TRUE(ParseContentType(raw, false).Is("text", "plain")) << raw;
  }
}

TEST(Headers, ParameterBombsAreBounded) {
  Initialize();
  std::string raw = "text/plain";
  for (int i = 0; i < 100'000; ++i) {
    raw += "; name*" + std::to_string(i) + "*=%41";
  }
  EXPECT_LE(ParseContentType(raw, false).name.size(), kFilenameBytesMax);
}

std::string AddressesOf(std::string_view raw, std::string_view hint = {}) {
  std::vector<Mailbox> mailboxes;
  AppendMailboxes(raw, hint, mailboxes);
  return Listed(mailboxes);
}

TEST(Headers, WhatWasReadBeforeIsReadTheSame) {
  Initialize();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1'000; ++i) {  // More than are kept.
      const std::string number = std::to_string(i);
      EXPECT_EQ(AddressesOf("N" + number + " <a@x" + number + ".example>"),
                "N" + number + "<a@x" + number + ".example>");
      const ContentType type = ParseContentType("image/x" + number + "; name=" + number, false);
      EXPECT_TRUE(type.Is("image", "x" + number));
      EXPECT_EQ(type.name, number);
    }
  }
  const std::string long_name(500, 'n');
  EXPECT_EQ(AddressesOf(long_name + " <a@x.example>"), long_name + "<a@x.example>");
  EXPECT_EQ(AddressesOf(long_name + " <b@x.example>"), long_name + "<b@x.example>");
}

TEST(Headers, ValuesThatMeanSomethingElseElsewhereAreReadAnew) {
  Initialize();
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(ParseContentType("", false).Is("text", "plain"));
    EXPECT_TRUE(ParseContentType("", true).Is("message", "rfc822"));
    EXPECT_EQ(AddressesOf("\xE9 <a@x.example>", "iso-8859-1"), "é<a@x.example>");
    EXPECT_EQ(AddressesOf("\xE9 <a@x.example>", "iso-8859-5"), "щ<a@x.example>");
    EXPECT_EQ(ParseContentType("multipart/mixed; boundary=a", false).boundary, "a");
    EXPECT_EQ(ParseContentType("multipart/mixed; boundary=b", false).boundary, "b");
  }
}

TEST(Headers, AddressesReadBeforeCountTowardsTheMost) {
  Initialize();
  std::vector<Mailbox> mailboxes(kAddressesMax - 1);
  AppendMailboxes("a@x.example, b@x.example", {}, mailboxes);
  EXPECT_EQ(mailboxes.size(), kAddressesMax);
  EXPECT_EQ(mailboxes.back().email, "a@x.example");
  EXPECT_EQ(AddressesOf("a@x.example, b@x.example"), "<a@x.example>, <b@x.example>");
}

}  // namespace
}  // namespace mailhaul::mime
