// Messages that clients have written themselves: what is refused, what is changed, what stays.
#include "engine/mime/prepare_raw.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/mime/mime_test_support.h"

namespace mailhaul::mime {
namespace {

using Strings = std::vector<std::string>;

constexpr std::string_view kOwnHeader =
    "From: Alice <alice@acme.example>\n"
    "To: Bob <bob@other.example>,\n carol@other.example\n"
    "Date: Sat, 28 Nov 2026 06:00:53 +0100\n"
    "Message-ID: <own@acme.example>\n";

Result<OutgoingMessage> Prepare(std::string_view bytes) {
  Initialize();
  RawOptions options;
  options.message_id = "<made@acme.example>";
  options.date = WallTime(std::chrono::seconds(0));
  return PrepareRaw(bytes, options);
}

std::string Refusal(std::string_view bytes) {
  const Result<OutgoingMessage> message = Prepare(bytes);
  EXPECT_EQ(message.status().code(), Code::kInvalidArgument) << bytes.substr(0, 200);
  return message.status().message();
}

TEST(PrepareRaw, LeavesAWholeMessageAsItIs) {
  const std::string mail = WithCrlf(
      std::string(kOwnHeader) + "DKIM-Signature: v=1\nSubject: =?utf-8?q?x?=\n\n.\n\nbody \xFF\n");
  const Result<OutgoingMessage> message = Prepare(mail);
  ASSERT_TRUE(message.ok()) << message.status().ToString();
  EXPECT_EQ(message->bytes, mail);
  EXPECT_EQ(message->message_id, "own@acme.example");
  EXPECT_EQ(message->from, "alice@acme.example");
  EXPECT_EQ(message->recipients, (Strings{"bob@other.example", "carol@other.example"}));
  EXPECT_TRUE(message->needs_eight_bit_mime);
  EXPECT_FALSE(message->needs_smtputf8);
}

TEST(PrepareRaw, TakesOutBccAndAddsWhatIsMissing) {
  const Result<OutgoingMessage> message =
      Prepare(WithCrlf("From: alice@acme.example\nbcc: dora@other.example,\n\tEmil <emil@b\xC3\xBC"
                       "cher.example>\nSubject: x\n\nbody\n"));
  ASSERT_TRUE(message.ok()) << message.status().ToString();
  EXPECT_EQ(message->bytes,
            WithCrlf("From: alice@acme.example\nSubject: x\nDate: Thu, 01 Jan 1970 00:00:00 +0000\n"
                     "Message-ID: <made@acme.example>\n\nbody\n"));
  EXPECT_EQ(message->message_id, "made@acme.example");
  EXPECT_EQ(message->recipients, (Strings{"dora@other.example", "emil@xn--bcher-kva.example"}));
}

TEST(PrepareRaw, EveryLineEndBecomesCrlf) {
  const Result<OutgoingMessage> message = Prepare(std::string(kOwnHeader) + "\na\r.\rb\n.\r\nc");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->bytes, WithCrlf(std::string(kOwnHeader) + "\na\n.\nb\n.\nc\n"));
}

TEST(PrepareRaw, AHeaderHiddenBehindABareLineEndIsAHeader) {
  EXPECT_EQ(Refusal(std::string(kOwnHeader) + "Subject: x\rFrom: evil@x.example\n\n"),
            "message.from: more than one such field");
  const Result<OutgoingMessage> message =
      Prepare(std::string(kOwnHeader) + "Subject: x\rBcc: evil@x.example\n\n");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->recipients.back(), "evil@x.example");
  EXPECT_EQ(message->bytes.find("evil"), std::string::npos);
}

TEST(PrepareRaw, SenderSpeaksForSeveralAuthors) {
  const std::string several = "From: a@acme.example, b@acme.example\nTo: c@other.example\n";
  EXPECT_EQ(Refusal(several + "\nx\n").substr(0, 16), "message.sender: ");
  const Result<OutgoingMessage> message = Prepare(several + "Sender: b@acme.example\n\nx\n");
  ASSERT_TRUE(message.ok()) << message.status().ToString();
  EXPECT_EQ(message->from, "b@acme.example");
}

TEST(PrepareRaw, AMessageMayEndWithItsHeader) {
  const Result<OutgoingMessage> message = Prepare("From: a@acme.example\nTo: b@other.example");
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->bytes, WithCrlf("From: a@acme.example\nTo: b@other.example\n"
                                     "Date: Thu, 01 Jan 1970 00:00:00 +0000\n"
                                     "Message-ID: <made@acme.example>\n"));
}

TEST(PrepareRaw, RefusesWhatCannotBeSentOrBeUnderstoodInOneWay) {
  const std::string own(kOwnHeader);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "message.from: is missing"},
      {"\nbody", "message.from: is missing"},
      {"To: b@other.example\n\nx\n", "message.from: is missing"},
      {own + "FROM: x@acme.example\n\n", "message.from: more than one"},
      {own + "Cc: a@x.example\nCC: b@x.example\n\n", "message.cc: more than one"},
      {own + "Message-Id: <b@c>\n\n", "message.message-id: more than one"},
      {own + "Subject: a\nSubject: b\n\n", "message.subject: more than one"},
      {own + "Content-Type: text/plain\nContent-Type: text/html\n\n",
       "message.content-type: more than one"},
      {own + "Resent-To: x@x.example\n\n", "message.Resent-To: "},
      {own + "Bcc : x@x.example\n\n", "message: the header line \"Bcc : x@x.example\" is not"},
      {own + "no field\n\n", "message: the header line \"no field\" is not a field"},
      {own + "X-\xC3\xBC: x\n\n", "message: the header line "},
      {own + ": x\n\n", "message: the header line \": x\" is not a field"},
      {own + " \n\n", "message: the header line \" \" continues no field"},
      {" To: x@x.example\n" + own + "\n",
       "message: the header line \" To: x@x.example\" continues"},
      {"From someone\n" + own + "\n", "message: the header line \"From someone\" is not a field"},
      {own + "Subject: a\x0C"
             "b\n\n",
       "message: a control character"},
      {own + "Subject: \xFF\n\n", "message: the header line \"Subject: \\xff\" is not UTF-8"},
      {own + "Subject: \xE2\x80\xA8"
             "Bcc: x@x.example\n\n",
       "message: the header line "},
      {own + "\nbo" + std::string(1, '\0') + "dy\n", "message: holds a NUL"},
      {own + "\n" + Repeat("x", kRawLineBytesMax + 1) + "\n", "message: a line of more than 998"},
      {own + "X: " + Repeat("x", kRawLineBytesMax) + "\n\n", "message: a line of more than 998"},
      {own + Repeat("X: y\n", kRawHeaderFieldsMax) + "\n", "message: more than 1000 header fields"},
      {own + Repeat("X: " + Repeat("y", 900) + "\n", 600) + "\n", "message: a header of more than"},
      {"From: a@b\nTo: " + Repeat("a@b.example,\n ", kDraftRecipientsMax) + "c@d.example\n\n",
       "message.to: more than 1000"},
      {"From: a@b\nTo: undisclosed-recipients:;\n\n", "message.to: at least one recipient"},
      {"From: a@b\nTo: not-an-address\n\n", "message.to: "},
      {"From: a@b\nTo: \xC3\xBC@x.example\n\n", "message.to: "},
      {"From: a@b\nTo: c@d\nDate: yesterday\n\n", "message.date: not a date"},
      {"From: a@b\nTo: c@d\nMessage-ID: none\n\n", "message.message-id: "},
      {"From: a@b\nTo: c@d\nMessage-ID:\n\n", "message.message-id: "},
  };
  for (const auto& [mail, refusal] : cases) {
    EXPECT_EQ(Refusal(mail).substr(0, refusal.size()), refusal) << mail.substr(0, 300);
  }
}

// Sent to the others alone, the message would be lost for one of its recipients.
TEST(PrepareRaw, NoAddressIsPassedOver) {
  const std::string from = "From: a@acme.example\nCc: c@other.example\n";
  for (const char* to : {"@ Bob <b@other.example>", "\\ <b@other.example>", "; b <b@x.example> x",
                         "b@other.example> SIZE=1 <d@other.example>", "\"b@other.example",
                         "(b@other.example", "b@other.example, @", "g: b@other.example, <>;"}) {
    EXPECT_EQ(Refusal(from + "To: " + to + "\n\nx\n").substr(0, 12), "message.to: ") << to;
  }
  for (const auto& [to, count] : std::vector<std::pair<std::string, size_t>>{
           {"b@other.example,, ,\n d@other.example,", 3},
           {"B (a, b; \\) <x>) <b@other.example> (c)", 2},
           {"\"B: <x>, \\\" y\" <b@other.example>", 2},
           {"undisclosed-recipients:;", 1},
           {"g: b@other.example, D <d@other.example>;, h:;, e@other.example", 4},
           {"b@[192.0.2.1]", 2},
           {"<@r.example,@s.example:b@other.example>", 2},
           {"=?utf-8?q?B=2C?= <b@other.example>", 2},
           {"", 1}}) {
    const Result<OutgoingMessage> message = Prepare(from + "To: " + to + "\n\nx\n");
    ASSERT_TRUE(message.ok()) << to << ": " << message.status().ToString();
    EXPECT_EQ(message->recipients.size(), count) << to;
  }
}

TEST(PrepareRaw, OurParserSeesTheEnvelopeInTheHeader) {
  const Result<OutgoingMessage> message = Prepare(
      "From: a@acme.example\nTo: \"x, <y@z.example>\" <b@other.example>, group: c@other.example,\n"
      " \"d,e\"@other.example;\nCc: (f@x.example) g@other.example\n\nx\n");
  ASSERT_TRUE(message.ok()) << message.status().ToString();
  EXPECT_EQ(message->recipients, (Strings{"b@other.example", "c@other.example",
                                          "\"d,e\"@other.example", "g@other.example"}));
}

}  // namespace
}  // namespace mailhaul::mime
