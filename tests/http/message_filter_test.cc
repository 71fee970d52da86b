#include "engine/http/message_filter.h"

#include <gtest/gtest.h>

#include "connectors/connector.h"

namespace mailhaul::http {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

Parsed<MessageFilter> Parse(Query query) {
  Call call;
  call.query = std::move(query);
  return ParseMessageFilter(call);
}

MessageFilter Good(Query query) {
  Parsed<MessageFilter> parsed = Parse(std::move(query));
  EXPECT_TRUE(std::holds_alternative<MessageFilter>(parsed));
  return std::holds_alternative<MessageFilter>(parsed) ? std::get<MessageFilter>(parsed)
                                                       : MessageFilter{};
}

store::StoredMessage Sample() {
  store::StoredMessage message;
  message.thread = 0xab;
  message.content.from = {{.name = "Ann", .email = "Ann+news@Example.COM"}};
  message.content.to = {{.name = "", .email = "bob@acme.example"}};
  message.content.cc = {{.name = "", .email = "carol@acme.example"}};
  message.content.bcc = {{.name = "", .email = "dan@acme.example"}};
  message.content.subject =
      "Re: Invoice no. 42, Gr\xC3\xB6\xC3\x9F"
      "e M";
  return message;
}

bool Matches(Query query) { return Good(std::move(query)).Matches(Sample()); }

TEST(MessageFilterTest, TakesDefaultsAndValues) {
  const MessageFilter plain = Good({});
  EXPECT_EQ(plain.limit, kListLimitDefault);
  EXPECT_FALSE(plain.LooksAtRows());
  EXPECT_TRUE(plain.Matches(Sample()));
  const MessageFilter filter = Good({{"mailbox", "alice"},
                                     {"folder", "INBOX"},
                                     {"after", "2024-05-01T02:00:00+02:00"},
                                     {"limit", "1000"}});
  EXPECT_EQ(filter.mailbox, "alice");
  EXPECT_EQ(filter.folder, "INBOX");
  EXPECT_EQ(filter.after, WallTime(std::chrono::seconds(1714521600)));
  EXPECT_EQ(filter.limit, 1000U);
  EXPECT_FALSE(filter.LooksAtRows());
}

TEST(MessageFilterTest, AFolderWithoutAMailboxLooksAtRows) {
  EXPECT_TRUE(Good({{"folder", "INBOX"}}).LooksAtRows());
}

TEST(MessageFilterTest, MatchesAddressesExactlyOrByDomain) {
  EXPECT_TRUE(Matches({{"from", "ann+NEWS@example.com"}}));
  EXPECT_TRUE(Matches({{"from", "@EXAMPLE.com"}}));
  EXPECT_FALSE(Matches({{"from", "@ample.com"}}));
  EXPECT_FALSE(Matches({{"from", "news@example.com"}}));
  EXPECT_FALSE(Matches({{"from", "bob@acme.example"}}));
  EXPECT_TRUE(Matches({{"to", "bob@acme.example"}}));
  EXPECT_FALSE(Matches({{"to", "carol@acme.example"}}));
  for (const char* who : {"ann+news@example.com", "bob@acme.example", "carol@acme.example",
                          "dan@acme.example", "@acme.example"}) {
    EXPECT_TRUE(Matches({{"participant", who}})) << who;
  }
  EXPECT_FALSE(Matches({{"participant", "eve@acme.example"}}));
}

TEST(MessageFilterTest, MatchesAllWordsOfTheSubject) {
  EXPECT_TRUE(Matches({{"subject", "INVOICE 42"}}));
  EXPECT_TRUE(Matches({{"subject", "42 invoice"}}));
  EXPECT_TRUE(Matches({{"subject",
                        "gr\xC3\xB6\xC3\x9F"
                        "e"}}));
  EXPECT_FALSE(Matches({{"subject", "invoice 43"}}));
  EXPECT_FALSE(Matches({{"subject", "voice"}}));
}

TEST(MessageFilterTest, MatchesFlagsThreadAndAttachments) {
  store::StoredMessage message = Sample();
  EXPECT_TRUE(Good({{"unread", "true"}}).Matches(message));
  message.flags = kFlagSeen;
  EXPECT_FALSE(Good({{"unread", "true"}}).Matches(message));
  EXPECT_TRUE(Good({{"unread", "false"}}).Matches(message));
  EXPECT_FALSE(Good({{"flagged", "true"}}).Matches(message));
  message.flags = kFlagFlagged;
  EXPECT_TRUE(Good({{"flagged", "true"}}).Matches(message));
  EXPECT_FALSE(Good({{"has_attachment", "true"}}).Matches(message));
  message.content.has_attachment = true;
  EXPECT_TRUE(Good({{"has_attachment", "true"}}).Matches(message));
  EXPECT_TRUE(Good({{"thread", "00000000000000ab"}}).Matches(message));
  EXPECT_FALSE(Good({{"thread", "00000000000000ac"}}).Matches(message));
}

TEST(MessageFilterTest, RefusesMalformedValues) {
  const Query bad = {{"limit", "0"},       {"limit", "1001"},    {"limit", "-1"},
                     {"limit", "1x"},      {"limit", ""},        {"limit", "99999999999999999999"},
                     {"after", "today"},   {"after", ""},        {"before", "2024-13-01T00:00:00Z"},
                     {"unread", "yes"},    {"flagged", "1"},     {"has_attachment", ""},
                     {"from", "ann"},      {"from", "ann@"},     {"to", ""},
                     {"participant", "@"}, {"thread", "ab"},     {"thread", "zz00000000000000"},
                     {"subject", ""},      {"subject", " .,! "}, {"mailbox", ""},
                     {"folder", ""}};
  for (const auto& parameter : bad) {
    const Parsed<MessageFilter> parsed = Parse({parameter});
    ASSERT_TRUE(std::holds_alternative<Response>(parsed))
        << parameter.first << "=" << parameter.second;
    EXPECT_EQ(std::get<Response>(parsed).status, 400U);
    EXPECT_NE(std::get<Response>(parsed).body.find("\"invalid_parameter\""), std::string::npos);
  }
}

}  // namespace
}  // namespace mailhaul::http
