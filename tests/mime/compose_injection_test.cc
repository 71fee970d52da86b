// Hostile values in every field of a draft: each is refused or neutralised. What is written is read
// again by our parser, by GMime's own and by a simple reader, and none sees a field, a recipient or
// a part that was not asked for.
#include <gmime/gmime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "connectors/smtp/address.h"
#include "engine/mime/compose.h"
#include "tests/mime/mime_test_support.h"
#include "tests/mime/simple_reader.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kAttemptsMin = 200;

Draft Base() {
  Draft draft;
  draft.from = {{"Alice", "alice@acme.example"}};
  draft.to = {{"Bob", "bob@other.example"}};
  draft.cc = {{"Carol", "carol@other.example"}};
  draft.bcc = {{"Dora", "dora@other.example"}};
  draft.reply_to = {{"Replies", "replies@acme.example"}};
  draft.subject = "Hello";
  draft.text = "text";
  draft.html = "<p>html</p>";
  draft.attachments = {{"logo.png", "image/png", "PNG", "logo"},
                       {"a.eml", "message/rfc822", "Subject: x\r\n\r\ny\r\n", std::nullopt}};
  draft.in_reply_to = "<parent@x.example>";
  draft.references = {"<first@x.example>", "<parent@x.example>"};
  draft.headers = {{"X-Extra", "value"}};
  draft.signature = "sincerely";
  draft.message_id = "<1@acme.example>";
  draft.date = WallTime(std::chrono::seconds(1'800'000'000));
  return draft;
}

Result<OutgoingMessage> ComposeSeeded(const Draft& draft) {
  Initialize();
  SeededRandom random(1);  // So the attacker knows every boundary.
  return Compose(draft, random);
}

struct Target {
  const char* name;
  std::string& (*field)(Draft& draft);
};

std::vector<Target> Targets() {
  return {
      {"from.name", [](Draft& d) -> std::string& { return d.from[0].name; }},
      {"from.email", [](Draft& d) -> std::string& { return d.from[0].email; }},
      {"to.name", [](Draft& d) -> std::string& { return d.to[0].name; }},
      {"to.email", [](Draft& d) -> std::string& { return d.to[0].email; }},
      {"cc.name", [](Draft& d) -> std::string& { return d.cc[0].name; }},
      {"cc.email", [](Draft& d) -> std::string& { return d.cc[0].email; }},
      {"bcc.name", [](Draft& d) -> std::string& { return d.bcc[0].name; }},
      {"bcc.email", [](Draft& d) -> std::string& { return d.bcc[0].email; }},
      {"reply_to.name", [](Draft& d) -> std::string& { return d.reply_to[0].name; }},
      {"reply_to.email", [](Draft& d) -> std::string& { return d.reply_to[0].email; }},
      {"subject", [](Draft& d) -> std::string& { return d.subject; }},
      {"text", [](Draft& d) -> std::string& { return d.text; }},
      {"html", [](Draft& d) -> std::string& { return d.html; }},
      {"signature", [](Draft& d) -> std::string& { return d.signature; }},
      {"filename", [](Draft& d) -> std::string& { return d.attachments[0].filename; }},
      {"content_type", [](Draft& d) -> std::string& { return d.attachments[0].content_type; }},
      {"content_id", [](Draft& d) -> std::string& { return *d.attachments[0].content_id; }},
      {"bytes", [](Draft& d) -> std::string& { return d.attachments[0].bytes; }},
      {"message bytes", [](Draft& d) -> std::string& { return d.attachments[1].bytes; }},
      {"in_reply_to", [](Draft& d) -> std::string& { return d.in_reply_to; }},
      {"references", [](Draft& d) -> std::string& { return d.references[0]; }},
      {"headers.name", [](Draft& d) -> std::string& { return d.headers[0].name; }},
      {"headers.value", [](Draft& d) -> std::string& { return d.headers[0].value; }},
      {"message_id", [](Draft& d) -> std::string& { return d.message_id; }},
  };
}

// The boundaries that ComposeSeeded() uses.
std::vector<std::string> KnownBoundaries() {
  std::vector<std::string> boundaries;
  const std::string bytes = ComposeSeeded(Base())->bytes;
  constexpr std::string_view kMark = "boundary=\"";
  for (size_t at = bytes.find(kMark); at != std::string::npos; at = bytes.find(kMark, at + 1)) {
    const size_t begin = at + kMark.size();
    boundaries.push_back(bytes.substr(begin, bytes.find('"', begin) - begin));
  }
  return boundaries;
}

std::vector<std::string> SmugglingPayloads() {
  std::vector<std::string> payloads = {
      "x\r\nBcc: evil@x.example",
      "x\nBcc: evil@x.example",
      "x\rBcc: evil@x.example",
      "x\r\n Bcc: evil@x.example",
      "\r\n\r\nbody",
      "\n\nbody",
      "x\r\n.\r\nMAIL FROM:<evil@x.example>\r\n",
      "x\n.\r\nMAIL FROM:<evil@x.example>\r\n",
      "x\r\n.\nMAIL FROM:<evil@x.example>\r\n",
      "x\r.\rMAIL FROM:<evil@x.example>\r",
      "x\n.\nMAIL FROM:<evil@x.example>\n",
      "\r\n..\r\n.\r\n",
      ".",
      std::string("\0", 1),
      std::string("x\0Bcc: evil@x.example", 21),
      "x\xC2\x85"
      "Bcc: evil@x.example",
      "x\xE2\x80\xA8"
      "Bcc: evil@x.example",
      "x\xE2\x80\xA9"
      "Bcc: evil@x.example",
      "x\xC0\x8A"
      "Bcc: evil@x.example",
      "\xFF\xFE",
      "\xED\xA0\x80",
      "\xEF\xBB\xBF",
      "=?utf-8?q?x=0D=0ABcc:_evil@x.example?=",
      "=?utf-8?b?eA0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=",
      "=?utf-8?q?x?= <evil@x.example>",
      "=?utf-8?q?evil=40x.example=3E=2C_=3Cother?=@x.example",
      "=?utf-8?q?unfinished",
      "=?utf-7?q?+AA0ACg-Bcc:?=",
  };
  for (const std::string& boundary : KnownBoundaries()) {
    payloads.push_back("x\r\n--" + boundary + "\r\nContent-Type: text/html\r\n\r\nevil");
    payloads.push_back("--" + boundary + "\nContent-Disposition: attachment\n\nevil");
    payloads.push_back("x\r\n--" + boundary + "--\r\n");
  }
  for (char c = 1; c < 0x20; ++c) {
    payloads.push_back("x" + std::string(1, c) + "y");
  }
  payloads.emplace_back("x\x7Fy");
  return payloads;
}

std::vector<std::string> SyntaxPayloads() {
  return {
      "evil@x.example, other@x.example",
      "evil@x.example; other@x.example",
      "<evil@x.example>",
      "x> <evil@x.example",
      "\"<evil@x.example>, x\"@x.example",
      "\"a\\\"b\"@x.example",
      "\"a,b\"@x.example",
      "group: evil@x.example;",
      "evil@x.example (comment",
      "(comment) evil@x.example",
      "evil@[127.0.0.1]",
      "evil@x.example\xE3\x80\x82"
      "com",
      "\xEF\xBD\x85vil@\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1",
      "evil@x.example%0d%0aBcc:",
      "evil@x.example&#13;&#10;Bcc:",
      "a\"b",
      "a\\",
      "a\\\"; filename=evil.exe; x=\"",
      "x\"; boundary=\"y",
      "multipart/mixed; boundary=x",
      "multipart/mixed",
      "message/rfc822",
      "text/html; name=evil.exe",
      "text/plain; charset=\"utf-8\"; charset=utf-7",
      "../../etc/passwd",
      "..\\..\\windows\\system32",
      "/etc/passwd",
      "..",
      "photo\xE2\x80\xAEgpj.exe",
      "Name: value",
      "X Name",
      "X-Name:",
      "Bcc",
      "content-type",
      "Content-Transfer-Encoding",
      "x\tx",
      "\t",
      " ",
      " Bcc: evil@x.example",
      "From evil@x.example Thu Jan  1 00:00:00 1970",
      "\nFrom evil@x.example Thu Jan  1 00:00:00 1970\n",
      "begin 644 evil.exe",
      "=",
      "=3D=0D=0A.=0D=0A",
      "--",
      "\r\n--\r\n",
      "</body><script>",
      Repeat("x", 999),
      Repeat("x", 70'000),
      Repeat(" ", 2'000) + "x",
      Repeat("\xF0\x9F\x98\x80", 240),
      Repeat("\"", 255),
      Repeat("a@b.example,", 100),
  };
}

std::vector<std::string> Payloads() {
  std::vector<std::string> payloads = SmugglingPayloads();
  const std::vector<std::string> more = SyntaxPayloads();
  payloads.insert(payloads.end(), more.begin(), more.end());
  return payloads;
}

std::vector<std::string> Emails(const std::vector<Mailbox>& mailboxes) {
  std::vector<std::string> emails;
  for (const Mailbox& mailbox : mailboxes) {
    emails.push_back(mailbox.email);
  }
  return emails;
}

void ExpectSimpleReaderSeesOnlyTheDraft(const Draft& draft, const std::string& bytes) {
  const SimplePart message = ReadSimply(bytes);
  std::vector<std::string> names = {
      "Date",         "From",        "Reply-To",    "To",         "Cc",
      "Subject",      "Message-ID",  "In-Reply-To", "References", draft.headers[0].name,
      "MIME-Version", "Content-Type"};
  if (draft.in_reply_to.empty()) {
    names.erase(std::find(names.begin(), names.end(), "In-Reply-To"));
  }
  EXPECT_EQ(message.Names(), names);
  ASSERT_EQ(message.parts.size(), 2U);
  ASSERT_EQ(message.parts[0].parts.size(), 2U);
  ASSERT_EQ(message.parts[0].parts[1].parts.size(), 2U);
  const std::vector<const SimplePart*> leaves = message.Leaves();
  ASSERT_EQ(leaves.size(), 4U);
  for (const SimplePart* leaf : leaves) {
    for (const std::string& name : leaf->Names()) {
      EXPECT_TRUE(name == "Content-Type" || name == "Content-Transfer-Encoding" ||
                  name == "Content-Disposition" || name == "Content-ID")
          << name;
    }
  }
  const std::string disposition = leaves[2]->Value("Content-Disposition");
  EXPECT_EQ(disposition.find_first_of("/\\"), std::string::npos) << disposition;
}

void ExpectOurParserSeesOnlyTheDraft(const OutgoingMessage& message, bool filename_changes) {
  const ParsedMessage parsed = Parse(message.bytes);
  EXPECT_EQ(parsed.unparsed_reason, "");
  EXPECT_EQ(Emails(parsed.from), std::vector<std::string>{message.from});
  std::vector<std::string> shown = Emails(parsed.to);
  ASSERT_EQ(shown.size(), 1U);
  ASSERT_EQ(parsed.cc.size(), 1U);
  EXPECT_EQ(parsed.reply_to.size(), 1U);
  EXPECT_TRUE(parsed.bcc.empty());
  EXPECT_EQ(shown[0], message.recipients[0]);
  EXPECT_EQ(parsed.cc[0].email, message.recipients[1]);
  EXPECT_EQ(parsed.message_id, message.message_id);
  ASSERT_EQ(parsed.attachments.size(), 2U);
  if (!filename_changes) {
    EXPECT_EQ(parsed.attachments[0].filename, "logo.png");
  }
}

void CountPart(GMimeObject*, GMimeObject*, gpointer count) { ++*static_cast<int*>(count); }

void ExpectGMimeSeesOnlyTheDraft(const std::string& bytes, size_t fields) {
  GMimeStream* stream = g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size());
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  GMimeMessage* message = g_mime_parser_construct_message(parser, nullptr);
  ASSERT_NE(message, nullptr);
  // The Content-Type is counted to the body.
  GMimeHeaderList* headers = g_mime_object_get_header_list(reinterpret_cast<GMimeObject*>(message));
  EXPECT_EQ(static_cast<size_t>(g_mime_header_list_get_count(headers)), fields - 1);
  int parts = 0;
  g_mime_message_foreach(message, &CountPart, &parts);
  EXPECT_EQ(parts, 7);  // Three multiparts and four leaves.
  InternetAddressList* all = g_mime_message_get_all_recipients(message);
  EXPECT_EQ(internet_address_list_length(all), 2);
  g_object_unref(all);
  g_object_unref(message);
  g_object_unref(parser);
  g_object_unref(stream);
}

TEST(ComposeInjection, TheBaseIsAccepted) {
  const Result<OutgoingMessage> message = ComposeSeeded(Base());
  ASSERT_TRUE(message.ok());
  ExpectSimpleReaderSeesOnlyTheDraft(Base(), message->bytes);
  ExpectOurParserSeesOnlyTheDraft(*message, false);
  EXPECT_EQ(KnownBoundaries().size(), 3U);
}

TEST(ComposeInjection, EveryFieldRefusesOrNeutralisesEverything) {
  size_t refused = 0;
  size_t neutralised = 0;
  const std::vector<std::string> payloads = Payloads();
  for (const Target& target : Targets()) {
    for (const std::string& payload : payloads) {
      // Alone, and behind what the field should hold.
      for (const bool alone : {true, false}) {
        Draft draft = Base();
        std::string& field = target.field(draft);
        field = alone ? payload : field + payload;
        SCOPED_TRACE(std::string(target.name) + " = " + EscapeForLog(field));
        const Result<OutgoingMessage> message = ComposeSeeded(draft);
        if (!message.ok()) {
          EXPECT_EQ(message.status().code(), Code::kInvalidArgument);
          EXPECT_EQ(message.status().message().find_first_of("\r\n"), std::string::npos);
          ++refused;
          continue;
        }
        ++neutralised;
        EXPECT_EQ(WireFault(message->bytes), "");
        EXPECT_EQ(message->recipients.size(), 3U);
        for (const std::string& recipient : message->recipients) {
          EXPECT_TRUE(smtp::CheckMailbox(recipient).ok());
        }
        ExpectSimpleReaderSeesOnlyTheDraft(draft, message->bytes);
        ExpectOurParserSeesOnlyTheDraft(*message, std::string_view(target.name) == "filename");
        ExpectGMimeSeesOnlyTheDraft(message->bytes, draft.in_reply_to.empty() ? 11 : 12);
        if (HasFatalFailure() || HasNonfatalFailure()) {
          FAIL() << message->bytes.substr(0, 5'000);
        }
      }
    }
  }
  EXPECT_GE(refused, kAttemptsMin);
  EXPECT_GE(neutralised, kAttemptsMin);
}

// What is accepted as a name or a subject is shown as it was given, never as what it encodes.
TEST(ComposeInjection, EncodedWordsStayWhatTheyAre) {
  for (const std::string& payload : Payloads()) {
    Draft draft = Base();
    draft.subject = "a " + payload + " b";
    draft.to[0].name = "a " + payload + " b";
    const Result<OutgoingMessage> message = ComposeSeeded(draft);
    if (message.ok()) {
      const ParsedMessage parsed = Parse(message->bytes);
      EXPECT_EQ(parsed.subject, draft.subject);
      EXPECT_EQ(parsed.to.at(0).name, draft.to[0].name);
    }
  }
}

TEST(ComposeInjection, SignaturesAreNoMarkup) {
  Draft draft = Base();
  draft.signature = "<script>\"'&</script>";
  EXPECT_EQ(Text(ComposeSeeded(draft)->bytes).html.find("<script>"), std::string::npos);
}

}  // namespace
}  // namespace mailhaul::mime
