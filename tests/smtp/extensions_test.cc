#include "connectors/smtp/extensions.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::smtp {
namespace {

Extensions Parse(const std::string& lines) {
  Reply reply;
  reply.code = 250;
  reply.text = "mx.example.com at your service\n" + lines;
  return ParseExtensions(reply);
}

TEST(ExtensionsTest, KnowsWhatIsOffered) {
  const Extensions offered = Parse(
      "STARTTLS\nPIPELINING\nchunking\n8BITMIME\nSMTPUTF8\nDSN\nENHANCEDSTATUSCODES\n"
      "SIZE 35882577\nAUTH PLAIN login XOAUTH2\nX-WHATEVER yes");
  EXPECT_TRUE(offered.starttls && offered.pipelining && offered.chunking);
  EXPECT_TRUE(offered.eight_bit_mime && offered.smtputf8 && offered.dsn);
  EXPECT_TRUE(offered.enhanced_status_codes);
  EXPECT_EQ(offered.size_max, 35882577U);
  EXPECT_EQ(offered.auth_mechanisms, std::vector<std::string>({"PLAIN", "LOGIN", "XOAUTH2"}));
}

TEST(ExtensionsTest, NothingIsOfferedUnlessSaid) { EXPECT_EQ(Parse("HELP"), Extensions()); }

TEST(ExtensionsTest, TheFirstLineIsAName) {
  Reply reply;
  reply.code = 250;
  reply.text = "STARTTLS";
  EXPECT_FALSE(ParseExtensions(reply).starttls);
}

TEST(ExtensionsTest, SizeWithoutLimit) {
  EXPECT_EQ(Parse("SIZE").size_max, 0U);
  EXPECT_EQ(Parse("SIZE 0").size_max, 0U);
  EXPECT_EQ(Parse("SIZE many").size_max, std::nullopt);
  EXPECT_EQ(Parse("SIZE -1").size_max, std::nullopt);
  EXPECT_EQ(Parse("SIZE 99999999999999999999999").size_max, std::nullopt);
}

TEST(ExtensionsTest, MechanismsInTheOldForm) {
  EXPECT_EQ(Parse("AUTH=LOGIN PLAIN\nAUTH PLAIN CRAM-MD5").auth_mechanisms,
            std::vector<std::string>({"LOGIN", "PLAIN", "CRAM-MD5"}));
}

TEST(ExtensionsTest, MechanismsThatCannotBe) {
  EXPECT_TRUE(Parse("AUTH PL\x01IN P@LAIN (x) " + std::string(200, 'A')).auth_mechanisms.empty());
  std::string many = "AUTH";
  for (int i = 0; i < 100; ++i) {
    many += " M" + std::to_string(i);
  }
  EXPECT_EQ(Parse(many).auth_mechanisms.size(), 32U);
}

}  // namespace
}  // namespace mailhaul::smtp
