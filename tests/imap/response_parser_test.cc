#include "connectors/imap/response_parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "connectors/imap/fetch_grammar.h"
#include "tests/imap/parser_trace.h"

namespace mailhaul::imap {
namespace {

// The one response that `input` holds.
Response Parse(std::string_view input) {
  ResponseParser parser;
  const Result<ResponseParser::Event> event = parser.Next(&input);
  EXPECT_TRUE(event.ok() && *event == ResponseParser::Event::kResponse);
  EXPECT_TRUE(input.empty());
  return parser.response();
}

TEST(ResponseParserTest, ReadsAGreetingWithCapabilities) {
  const Response r = Parse("* OK [CAPABILITY IMAP4rev1 sasl-ir] Dovecot ready.\r\n");
  EXPECT_EQ(r.kind, ResponseKind::kCondition);
  EXPECT_EQ(r.condition, Condition::kOk);
  EXPECT_EQ(r.capabilities, std::vector<std::string>({"IMAP4REV1", "SASL-IR"}));
  EXPECT_EQ(r.text, "Dovecot ready.");
}

TEST(ResponseParserTest, ReadsTaggedResponsesWithCodes) {
  const Response r = Parse("A12 NO [LIMIT] Too many connections\r\n");
  EXPECT_EQ(r.kind, ResponseKind::kTagged);
  EXPECT_EQ(r.tag, "A12");
  EXPECT_EQ(r.condition, Condition::kNo);
  EXPECT_EQ(r.code.name, "LIMIT");
  EXPECT_EQ(r.text, "Too many connections");
}

TEST(ResponseParserTest, ReadsCodesWithBracketsInQuotes) {
  const Response r = Parse("* NO [BADCHARSET (\"a]b\\\"]\")] text] more\r\n");
  EXPECT_EQ(r.code.name, "BADCHARSET");
  EXPECT_EQ(r.code.arguments, "(\"a]b\\\"]\")");
  EXPECT_EQ(r.text, "text] more");
}

TEST(ResponseParserTest, AnUnclosedCodeIsText) {
  const Response r = Parse("A1 OK [READ-ONLY done\r\n");
  EXPECT_EQ(r.code.name, "");
  EXPECT_EQ(r.text, "[READ-ONLY done");
}

TEST(ResponseParserTest, TextThatEndsLikeALiteralIsText) {
  EXPECT_EQ(Parse("* OK see {5}\r\n").text, "see {5}");
  EXPECT_EQ(Parse("A1 NO see {5}\r\n").text, "see {5}");
  EXPECT_EQ(Parse("+ see {5}\r\n").text, "see {5}");
}

TEST(ResponseParserTest, AcceptsContinuationsWithAndWithoutText) {
  EXPECT_EQ(Parse("+ go on\r\n").text, "go on");
  EXPECT_EQ(Parse("+\r\n").kind, ResponseKind::kContinuation);
}

TEST(ResponseParserTest, ReadsMailboxNamesInEveryForm) {
  const Response atom = Parse("* LIST (\\HasNoChildren \\Sent) \".\" INBOX.Sent%*\r\n");
  EXPECT_EQ(atom.list.mailbox, "INBOX.Sent%*");
  EXPECT_EQ(atom.list.delimiter, '.');
  EXPECT_EQ(atom.list.attributes, std::vector<std::string>({"\\HasNoChildren", "\\Sent"}));
  EXPECT_EQ(Parse("* LIST () \"/\" \"a \\\"b\\\\\"\r\n").list.mailbox, "a \"b\\");
  EXPECT_EQ(Parse("* LIST () NIL nilly\r\n").list.delimiter, '\0');
  EXPECT_EQ(Parse("* LIST () \"\\\\\" \"a\\\\b\"\r\n").list.delimiter, '\\');
  EXPECT_EQ(Parse("* LIST () \"/\" {7}\r\na\"b)\r\nc\r\n").list.mailbox, "a\"b)\r\nc");
  EXPECT_EQ(Parse("* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n").list.mailbox, "a");
}

TEST(ResponseParserTest, ALiteralMayLookLikeAnotherLiteral) {
  EXPECT_EQ(Parse("* LIST () \"/\" {3}\r\n{5}\r\n").list.mailbox, "{5}");
}

TEST(ResponseParserTest, ReadsSearchResultsInAnyOrder) {
  EXPECT_EQ(Parse("* SEARCH 7 1 2 3 2 4294967295\r\n").uids.ToSequenceSet(), "1:3,7,4294967295");
  EXPECT_TRUE(Parse("* SEARCH\r\n").uids.empty());
  EXPECT_TRUE(Parse("* SEARCH \r\n").uids.empty());
  EXPECT_EQ(Parse("* SEARCH 2 5 (MODSEQ 917162500)\r\n").uids.ToSequenceSet(), "2,5");
}

TEST(ResponseParserTest, ReadsExtendedSearchResults) {
  EXPECT_EQ(Parse("* ESEARCH (TAG \"A1\") UID ALL 9,5:2,1\r\n").uids.ToSequenceSet(), "1:5,9");
  EXPECT_EQ(Parse("* ESEARCH (TAG \"A1\") UID COUNT 3 ALL 1:3 MODSEQ 5\r\n").uids.size(), 3U);
  EXPECT_TRUE(Parse("* ESEARCH (TAG \"A1\") UID\r\n").uids.empty());
  EXPECT_EQ(Parse("* ESEARCH UID ALL 4\r\n").uids.size(), 1U);
}

TEST(ResponseParserTest, ReadsNumbersAndStatus) {
  EXPECT_EQ(Parse("* 23 EXISTS\r\n").number, 23U);
  EXPECT_EQ(Parse("* 0 RECENT\r\n").kind, ResponseKind::kRecent);
  EXPECT_EQ(Parse("* 44 EXPUNGE\r\n").kind, ResponseKind::kExpunge);
  const Response r = Parse("* STATUS \"a b\" (MESSAGES 231 UIDNEXT 44292 HIGHESTMODSEQ 7)\r\n");
  EXPECT_EQ(r.status.mailbox, "a b");
  EXPECT_EQ(r.status.messages, 231U);
  EXPECT_EQ(r.status.uid_next, 44292U);
  EXPECT_EQ(r.status.modseq, 7U);
  const Response all = Parse(
      "* STATUS INBOX (UNSEEN 3 UIDVALIDITY 9 MAILBOXID (F1) HIGHESTMODSEQ "
      "9223372036854775807)\r\n");
  EXPECT_EQ(all.status.unseen, 3U);
  EXPECT_EQ(all.status.uid_validity, 9U);
  EXPECT_EQ(all.status.modseq, uint64_t{INT64_MAX});
  EXPECT_FALSE(all.status.messages.has_value());
  EXPECT_EQ(Parse("* STATUS a (HIGHESTMODSEQ NIL)\r\n").status.modseq, 0U);
}

TEST(ResponseParserTest, ReadsWhatVanished) {
  const Response earlier = Parse("* VANISHED (EARLIER) 41,43:116,4294967295\r\n");
  EXPECT_EQ(earlier.kind, ResponseKind::kVanished);
  EXPECT_TRUE(earlier.earlier);
  EXPECT_EQ(earlier.uids.ToSequenceSet(), "41,43:116,4294967295");
  const Response now = Parse("* vanished 7:5\r\n");
  EXPECT_FALSE(now.earlier);
  EXPECT_EQ(now.uids.ToSequenceSet(), "5:7");
  EXPECT_EQ(Parse("* VANISHED (EARLIER) 1:4294967295\r\n").uids.ranges().size(), 1U);
}

TEST(ResponseParserTest, ReadsModseqsLabelsAndObjectIds) {
  const Response r = Parse(
      "* 3 FETCH (MODSEQ (9223372036854775807) X-GM-THRID 1278455344230334865 X-GM-MSGID 12 "
      "X-GM-LABELS (\\Inbox \"\\\\Sent\" Wichtig \"two words\" {3}\r\na)b \"\") UID 4)\r\n");
  EXPECT_EQ(r.fetch.modseq, uint64_t{INT64_MAX});
  EXPECT_EQ(r.fetch.thread_id, "1278455344230334865");
  EXPECT_EQ(r.fetch.email_id, "12");
  ASSERT_TRUE(r.fetch.labels.has_value());
  EXPECT_EQ(*r.fetch.labels,
            std::vector<std::string>({"\\Inbox", "\\Sent", "Wichtig", "two words", "a)b"}));
  const Response ids = Parse("* 3 FETCH (EMAILID (M6d-9_9) THREADID (T64) UID 4)\r\n");
  EXPECT_EQ(ids.fetch.email_id, "M6d-9_9");
  EXPECT_EQ(ids.fetch.thread_id, "T64");
  EXPECT_FALSE(ids.fetch.labels.has_value());
  EXPECT_EQ(Parse("* 3 FETCH (THREADID NIL UID 4)\r\n").fetch.thread_id, "");
  EXPECT_EQ(Parse("* 3 FETCH (EMAILID (a.b!) UID 4)\r\n").fetch.email_id, "");
  EXPECT_TRUE(Parse("* 3 FETCH (X-GM-LABELS NIL)\r\n").fetch.labels->empty());
}

TEST(ResponseParserTest, KeepsSomeOfTooManyLabels) {
  std::string many;
  for (size_t i = 0; i < kLabelsMax + 5; ++i) {
    many += (i == 0 ? "" : " ") + ("\"label " + std::to_string(i)) + "\"";
  }
  const Response r = Parse("* 3 FETCH (UID 4 X-GM-LABELS (" + many + ") FLAGS (\\Seen))\r\n");
  EXPECT_EQ(r.fetch.labels->size(), kLabelsMax);
  EXPECT_EQ(r.fetch.labels->front(), "label 0");
  EXPECT_EQ(r.fetch.flags, kFlagSeen);
  const std::string longest(kLabelBytesMax, 'l');
  EXPECT_EQ(*Parse("* 3 FETCH (X-GM-LABELS (" + longest + " " + longest + "l))\r\n").fetch.labels,
            std::vector<std::string>({longest}));
}

TEST(ResponseParserTest, ReadsNamespacesAndWhatIsEnabled) {
  const Response r = Parse(
      "* NAMESPACE ((\"INBOX.\" \".\" \"X-PARAM\" (\"a\" \"b\"))(\"#mh/\" \"/\")) NIL "
      "((\"Shared.\" "
      "NIL))\r\n");
  ASSERT_EQ(r.namespaces.size(), 3U);
  EXPECT_EQ(r.namespaces[0].prefix, "INBOX.");
  EXPECT_EQ(r.namespaces[0].delimiter, '.');
  EXPECT_EQ(r.namespaces[1].prefix, "#mh/");
  EXPECT_EQ(r.namespaces[2].kind, NamespaceKind::kShared);
  EXPECT_EQ(r.namespaces[2].delimiter, '\0');
  EXPECT_TRUE(Parse("* NAMESPACE NIL NIL NIL\r\n").namespaces.empty());
  EXPECT_EQ(Parse("* ENABLED qresync CONDSTORE\r\n").capabilities,
            std::vector<std::string>({"QRESYNC", "CONDSTORE"}));
  EXPECT_EQ(Parse("* ENABLED\r\n").kind, ResponseKind::kEnabled);
}

TEST(ResponseParserTest, AnnouncesAHeaderAsSuch) {
  std::string_view input = "* 1 FETCH (UID 5 BODY[header] {4}\r\na: b)\r\n";
  ResponseParser parser;
  Result<ResponseParser::Event> event = parser.Next(&input);
  ASSERT_TRUE(event.ok());
  ASSERT_EQ(*event, ResponseParser::Event::kBody);
  EXPECT_EQ(parser.response().fetch.section, BodySection::kHeader);
  input.remove_prefix(4);
  event = parser.Next(&input);
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(parser.response().fetch.body, BodyState::kStreamed);
  EXPECT_EQ(parser.response().fetch.section, BodySection::kHeader);
  EXPECT_EQ(Parse("* 1 FETCH (BODY[HEADER] \"a: b\" UID 5)\r\n").fetch.inline_body, "a: b");
}

TEST(ResponseParserTest, ReadsMetadataAndSkipsUnknownItems) {
  const Response r = Parse(
      "* 12 FETCH (X-GM-LABELS (\"\\\\Inbox\" foo) FLAGS (\\Seen $Junk \\Recent) MODSEQ (65402) "
      "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" ENVELOPE (NIL ((\"a\" NIL \"b\" {1}\r\nc))) "
      "RFC822.SIZE 4286 BODY[HEADER.FIELDS (DATE)]<0> \"x\" UID 17)\r\n");
  EXPECT_EQ(r.fetch.sequence, 12U);
  EXPECT_EQ(r.fetch.uid, 17U);
  EXPECT_EQ(r.fetch.flags, kFlagSeen);
  EXPECT_EQ(r.fetch.keywords, std::vector<std::string>({"$Junk"}));
  EXPECT_EQ(r.fetch.size, 4286U);
  ASSERT_TRUE(r.fetch.internal_date.has_value());
  EXPECT_EQ(r.fetch.internal_date->time_since_epoch(), std::chrono::seconds(837596665));
  EXPECT_EQ(r.fetch.body, BodyState::kAbsent);
}

TEST(ResponseParserTest, KeepsBoundedKeywords) {
  std::string flags = std::string(kKeywordBytesMax + 1, 'x');
  for (size_t i = 0; i < kKeywordsMax * 2; ++i) {
    flags += " k" + std::to_string(i);
  }
  const Response r = Parse("* 1 FETCH (UID 1 FLAGS (" + flags + "))\r\n");
  EXPECT_EQ(r.fetch.keywords.size(), kKeywordsMax);
  EXPECT_EQ(r.fetch.keywords.front(), "k0");
}

TEST(ResponseParserTest, AnnouncesABodyAndLeavesItsBytesToTheCaller) {
  const std::string text = "* 1 FETCH (UID 5 BODY[] {11}\r\nhello\r\n)))) FLAGS (\\Seen))\r\n";
  std::string_view input(text);
  ResponseParser parser;
  Result<ResponseParser::Event> event = parser.Next(&input);
  ASSERT_TRUE(event.ok());
  ASSERT_EQ(*event, ResponseParser::Event::kBody);
  EXPECT_EQ(parser.body_bytes(), 11U);
  EXPECT_EQ(parser.response().fetch.uid, 5U);
  EXPECT_EQ(input.substr(0, 11), "hello\r\n))))");
  EXPECT_FALSE(parser.idle());
  input.remove_prefix(11);
  event = parser.Next(&input);
  ASSERT_TRUE(event.ok());
  ASSERT_EQ(*event, ResponseParser::Event::kResponse);
  EXPECT_EQ(parser.response().fetch.body, BodyState::kStreamed);
  EXPECT_EQ(parser.response().fetch.flags, kFlagSeen);
  EXPECT_TRUE(parser.idle());
}

TEST(ResponseParserTest, ReadsBodiesThatAreNoLiterals) {
  EXPECT_EQ(Parse("* 1 FETCH (UID 5 BODY[] NIL)\r\n").fetch.body, BodyState::kNil);
  const Response r = Parse("* 1 FETCH (BODY[] \"a\\\"b\" UID 5)\r\n");
  EXPECT_EQ(r.fetch.body, BodyState::kInline);
  EXPECT_EQ(r.fetch.inline_body, "a\"b");
}

TEST(ResponseParserTest, ReadsInternalDates) {
  EXPECT_TRUE(ParseInternalDate(" 1-Jan-1970 00:00:01 +0000").has_value());
  EXPECT_EQ(ParseInternalDate("1-Jan-1970 00:00:01 +0000")->time_since_epoch(),
            std::chrono::seconds(1));
  EXPECT_EQ(ParseInternalDate("01-Jan-1970 01:00:00 +0130")->time_since_epoch(),
            std::chrono::minutes(-30));
  for (const char* bad :
       {"", "32-Jan-1970 00:00:00 +0000", "30-Feb-1970 00:00:00 +0000",
        "01-Foo-1970 00:00:00 +0000", "01-Jan-1970 24:00:00 +0000", "01-Jan-1970 00:60:00 +0000",
        "01-Jan-1970 00:00:00 *0000", "01-Jan-1970 00:00:00 +00x0", "01/Jan/1970 00:00:00 +0000",
        "99-Jan-99999 00:00:00 +0000"}) {
    EXPECT_FALSE(ParseInternalDate(bad).has_value()) << bad;
  }
}

// Real conversations and corners, fed in every way they can be cut.
const std::vector<std::string>& Conversations() {
  static const std::vector<std::string> conversations = {
      "* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR] ready\r\nA1 OK [CAPABILITY IMAP4rev1] in\r\n",
      "* FLAGS (\\Answered \\Seen)\r\n* OK [PERMANENTFLAGS (\\Seen \\*)] x\r\n* 3 EXISTS\r\n"
      "* 0 RECENT\r\n* OK [UIDVALIDITY 3857529045] x\r\n* OK [UIDNEXT 4392] x\r\n"
      "A142 OK [READ-ONLY] EXAMINE completed\r\n",
      "* LIST (\\Noselect) \"/\" foo\r\n* LIST () \"/\" {10}\r\nfoo{3}\r\nbar\r\nA3 OK done\r\n",
      "* 1 FETCH (UID 1 BODY[] {5}\r\nab\r\nc)\r\n* 2 FETCH (BODY[] {0}\r\n UID 2)\r\n"
      "* 3 FETCH (UID 3 BODY[] NIL)\r\n* 4 FETCH (UID 4 BODY[] \"x y\")\r\n"
      "* 5 FETCH (FLAGS () UID 5 BODY[] {11}\r\n* BYE {3}\r\n FLAGS (\\Draft))\r\nA4 OK done\r\n",
      "* ESEARCH (TAG \"A5\") UID ALL 1:5,9\r\n* SEARCH 1 2 3\r\nA5 OK done\r\n",
      "* 9 FETCH (UID 9 X ({3}\r\na)b ~{2}\r\n{1) Y (((()))) MODSEQ (5))\r\n+ more\r\n"
      "* X-UNKNOWN (foo {2}\r\n\r\n) bar\r\n* BYE gone\r\n",
      "* 1 FETCH (UID 1 BODY[] {4}\r\nabcd BROKEN\r\nA1 OK\r\n",
      "A1 OK no line end but LF\nA2 OK then CRLF\r\n",
      "* OK [HIGHESTMODSEQ 715194045007] x\r\n* VANISHED (EARLIER) 41,43:116\r\n"
      "* 49 FETCH (UID 117 FLAGS (\\Seen $X) MODSEQ (90060115194045001))\r\nA5 OK done\r\n",
      "* LIST () \"/\" {3}\r\na\"b\r\n* STATUS {3}\r\na\"b (MESSAGES 3 UNSEEN 1)\r\n* VANISHED "
      "3\r\n",
      "* NAMESPACE ((\"\" \"/\")) NIL ((\"~shared/\" \"/\"))\r\n* ENABLED QRESYNC\r\n",
      "* 7 FETCH (X-GM-LABELS (\\Inbox {3}\r\nb)c) UID 7 BODY[HEADER] {6}\r\na: b\r\n "
      "THREADID (T1))\r\n",
  };
  return conversations;
}

std::string TraceWhole(std::string_view text) {
  ParserTrace trace;
  trace.Feed(text);
  return trace.text();
}

TEST(ResponseParserTest, ByteByByteGivesTheSameAsWhole) {
  for (const std::string& text : Conversations()) {
    ParserTrace trace;
    for (const char& c : text) {
      trace.Feed(std::string_view(&c, 1));
    }
    EXPECT_EQ(trace.text(), TraceWhole(text));
  }
}

TEST(ResponseParserTest, EverySplitGivesTheSameAsWhole) {
  for (const std::string& text : Conversations()) {
    const std::string whole = TraceWhole(text);
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      ParserTrace trace;
      trace.Feed(std::string_view(text).substr(0, cut));
      trace.Feed(std::string_view(text).substr(cut));
      ASSERT_EQ(trace.text(), whole) << cut;
    }
  }
}

TEST(ResponseParserTest, TheTraceShowsBodiesWithTheirBytes) {
  const std::string trace = TraceWhole(Conversations()[3]);
  EXPECT_NE(trace.find("BODY uid=1 ab\r\nckind="), std::string::npos) << trace;
  EXPECT_NE(trace.find("BODY uid=0 kind="), std::string::npos) << trace;
  EXPECT_NE(trace.find("BODY uid=5 * BYE {3}\r\nkind="), std::string::npos) << trace;
  EXPECT_EQ(trace.find("FAILED"), std::string::npos) << trace;
}

TEST(ResponseParserTest, SearchResultsMayBeLongerThanALine) {
  std::string text = "* SEARCH";
  for (uint32_t uid = 1000; uid < 400'000; uid += 2) {
    text += " " + std::to_string(uid);
  }
  ASSERT_GT(text.size(), size_t{1} << 20);
  const Response r = Parse(text + "\r\n");
  EXPECT_EQ(r.uids.size(), 199'500U);
}

}  // namespace
}  // namespace mailhaul::imap
