#include "connectors/net/dns_records.h"

#include <gtest/gtest.h>

#include "tests/net/dns_wire.h"

namespace mailhaul::net {
namespace {

std::string MxAnswer(const std::vector<WireRecord>& records) {
  return AnswerTo(Question("example.com", kTypeMx), kTypeMx, records);
}

TEST(DnsRecordsTest, AtMost64RecordsAreKept) {
  const Result<std::vector<MxRecord>> mx =
      ParseMxAnswer(MxAnswer(std::vector<WireRecord>(100, Mx(7, "mx.example.com"))));
  ASSERT_TRUE(mx.ok());
  EXPECT_EQ(mx->size(), 64U);
  const Result<std::vector<SrvRecord>> srv =
      ParseSrvAnswer(AnswerTo(Question("_imaps._tcp.example.com", kTypeSrv), kTypeSrv,
                              std::vector<WireRecord>(100, Srv(0, 0, 993, "imap.example.com"))));
  ASSERT_TRUE(srv.ok());
  EXPECT_EQ(srv->size(), 64U);
}

TEST(DnsRecordsTest, HostsThatAreNoNamesAreLeftOut) {
  for (const std::string_view host : {"a b", "127.1", "10", "x/y", "a\r\nb", "a*", "\xC3\xBC"}) {
    const Result<std::vector<MxRecord>> records =
        ParseMxAnswer(MxAnswer({Mx(1, host), Mx(2, "mx.example.com")}));
    ASSERT_TRUE(records.ok());
    ASSERT_EQ(records->size(), 1U) << host;
    EXPECT_EQ(records->front().host, "mx.example.com");
  }
}

TEST(DnsRecordsTest, EveryCutOfAnAnswerIsMalformed) {
  const std::string whole = MxAnswer({Mx(1, "a.example.com"), Mx(2, "b.example.com")});
  ASSERT_TRUE(ParseMxAnswer(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ParseMxAnswer(whole.substr(0, size)).status().code(), Code::kProtocol) << size;
  }
}

TEST(DnsRecordsTest, ANameThatPointsToItselfIsMalformed) {
  const std::string loop = MxAnswer({{kTypeMx, U16(1) + "\xC0\x2B"}});
  EXPECT_EQ(ParseMxAnswer(loop).status().code(), Code::kProtocol);
}

}  // namespace
}  // namespace mailhaul::net
