// SRV records: which are servers, and what they cannot talk anybody into.
#include "connectors/autodiscover/srv_records.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/autodiscover/fakes.h"

namespace mailhaul::autodiscover {
namespace {

const SrvQuestion& QuestionOf(std::string_view label) {
  for (const SrvQuestion& question : SrvQuestions()) {
    if (question.label == label) {
      return question;
    }
  }
  ADD_FAILURE() << label;
  return SrvQuestions().front();
}

std::string ServersOf(std::string_view label, const std::vector<net::SrvRecord>& records) {
  return Shown(ServersOfSrv(QuestionOf(label), Alice(), records));
}

TEST(SrvRecordsTest, AsksForImplicitTlsFirstAndNeverForPlaintext) {
  std::vector<std::string> names;
  for (const SrvQuestion& question : SrvQuestions()) {
    names.push_back(SrvName(question, "example.com"));
    EXPECT_NE(question.security, Security::kPlaintext);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"_imaps._tcp.example.com", "_imap._tcp.example.com",
                                             "_pop3s._tcp.example.com", "_pop3._tcp.example.com",
                                             "_submissions._tcp.example.com",
                                             "_submission._tcp.example.com"}));
}

TEST(SrvRecordsTest, TheServiceDecidesTheSecurity) {
  const std::vector<net::SrvRecord> records = {{0, 0, 1993, "mail.example.com"}};
  EXPECT_EQ(ServersOf("_imaps", records), "imap mail.example.com:1993 tls alice+tag@example.com\n");
  EXPECT_EQ(ServersOf("_imap", records),
            "imap mail.example.com:1993 starttls alice+tag@example.com\n");
  EXPECT_EQ(ServersOf("_pop3s", records), "pop3 mail.example.com:1993 tls alice+tag@example.com\n");
  EXPECT_EQ(ServersOf("_pop3", records),
            "pop3 mail.example.com:1993 starttls alice+tag@example.com\n");
  EXPECT_EQ(ServersOf("_submissions", records),
            "smtp mail.example.com:1993 tls alice+tag@example.com\n");
  EXPECT_EQ(ServersOf("_submission", records),
            "smtp mail.example.com:1993 starttls alice+tag@example.com\n");
}

TEST(SrvRecordsTest, WhatIsNotOfferedOrImpossibleIsLeftOut) {
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 0, ""}}), "");                   // "."
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 993, ""}}), "");                 // "." with a port.
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 0, "mail.example.com"}}), "");   // Port 0.
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 993, "127.0.0.1"}}), "");        // An address.
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 993, "0x7f000001"}}), "");       // For some, too.
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 993, "a b.example.com"}}), "");  // No host name.
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 993, "a\r\nb.example.com"}}), "");
}

TEST(SrvRecordsTest, AServerOutsideTheDomainIsNotTrusted) {
  EXPECT_EQ(ServersOf("_imaps", {{0, 0, 993, "imap.hoster.example"},
                                 {1, 0, 993, "example.com"},
                                 {2, 0, 993, "example.com.evil.example"},
                                 {3, 0, 993, "evil-example.com"}}),
            "imap imap.hoster.example:993 tls alice+tag@example.com untrusted\n"
            "imap example.com:993 tls alice+tag@example.com\n"
            "imap example.com.evil.example:993 tls alice+tag@example.com untrusted\n"
            "imap evil-example.com:993 tls alice+tag@example.com untrusted\n");
}

TEST(SrvRecordsTest, OneAnswerGivesNoMoreServersThanTheLimit) {
  const std::vector<net::SrvRecord> many(1000, {0, 0, 993, "mail.example.com"});
  EXPECT_EQ(ServersOfSrv(QuestionOf("_imaps"), Alice(), many).size(), kServersMax);
}

}  // namespace
}  // namespace mailhaul::autodiscover
