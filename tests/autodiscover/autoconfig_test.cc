// Autoconfig files: what is read of them, and what a hostile one cannot do.
#include "connectors/autodiscover/autoconfig.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "connectors/autodiscover/xml_bounds.h"
#include "tests/autodiscover/fakes.h"

namespace mailhaul::autodiscover {
namespace {

constexpr std::string_view kFile = R"(<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <displayName>Example &amp; Sons</displayName>
    <incomingServer type="imap">
      <hostname>imap.%EMAILDOMAIN%</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <authentication>OAuth2</authentication>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <incomingServer type="pop3">
      <hostname> POP.Example.com </hostname>
      <port> 110 </port>
      <socketType>STARTTLS</socketType>
      <username>%EMAILLOCALPART%</username>
      <authentication>password-encrypted</authentication>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>imap.example.com</hostname>
      <port>143</port>
      <socketType>plain</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>password-cleartext</authentication>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.com</hostname>
      <port>587</port>
      <socketType>STARTTLS</socketType>
      <username>%EMAILLOCALPART%@x.%EMAILDOMAIN%</username>
      <authentication>plain</authentication>
    </outgoingServer>
  </emailProvider>
  <emailProvider id="second">
    <incomingServer type="imap">
      <hostname>second.example</hostname><port>993</port><socketType>SSL</socketType>
    </incomingServer>
  </emailProvider>
</clientConfig>
)";

std::string Parsed(std::string_view xml) {
  const Result<std::vector<FoundServer>> servers = ParseAutoconfig(xml, Alice(), "test");
  return servers.ok() ? Shown(*servers) : servers.status().ToString();
}

// One incoming server with `inside` its element.
std::string OneServer(const std::string& inside, const std::string& type = "imap") {
  return "<clientConfig><emailProvider><incomingServer type=\"" + type + "\">" + inside +
         "</incomingServer></emailProvider></clientConfig>";
}

std::string Server(const std::string& host, const std::string& port, const std::string& socket,
                   const std::string& more = "") {
  return OneServer("<hostname>" + host + "</hostname><port>" + port + "</port><socketType>" +
                   socket + "</socketType>" + more);
}

TEST(AutoconfigTest, ReadsTheServersOfTheFirstProviderWithTheAddressFilledIn) {
  EXPECT_EQ(Parsed(kFile),
            "imap imap.example.com:993 tls alice+tag@example.com oauth2\n"
            "pop3 pop.example.com:110 starttls alice+tag\n"
            "smtp smtp.example.com:587 starttls alice+tag@x.example.com\n");
  const Result<std::vector<FoundServer>> servers = ParseAutoconfig(kFile, Alice(), "test");
  EXPECT_EQ(servers->front().origin, "test");
}

TEST(AutoconfigTest, PlaintextIsNeverTaken) {
  for (const char* socket : {"plain", "", "none", "ssl", "TLS", "PLAIN", "SSL, plain"}) {
    EXPECT_EQ(Parsed(Server("h.example", "143", socket)), "") << socket;
  }
  EXPECT_EQ(Parsed(OneServer("<hostname>h</hostname><port>143</port>")), "");
}

TEST(AutoconfigTest, ImpossibleServersAreLeftOut) {
  for (const char* host : {"", "127.0.0.1", "[::1]", "127.1", "a b", "a/b", "u@h.example",
                           "h.example:25", "&#10;", "%EMAILADDRESS%"}) {
    EXPECT_EQ(Parsed(Server(host, "993", "SSL")), "") << host;
  }
  for (const char* port : {"", "0", "65536", "-1", "993x", "0x3e1", "+993", "99999999999"}) {
    EXPECT_EQ(Parsed(Server("h.example", port, "SSL")), "") << port;
  }
  EXPECT_EQ(Parsed(OneServer("<hostname>h</hostname><port>1</port><socketType>SSL</socketType>",
                             "exchange")),
            "");
}

TEST(AutoconfigTest, WhatWantsNeitherPasswordNorOAuth2IsLeftOut) {
  const auto with = [](const std::string& more) {
    return Parsed(Server("h.example", "993", "SSL", more));
  };
  EXPECT_EQ(with(""), "imap h.example:993 tls alice+tag@example.com\n");
  EXPECT_EQ(with("<authentication>client-IP-address</authentication>"), "");
  EXPECT_EQ(with("<authentication>none</authentication>"), "");
  EXPECT_EQ(with("<authentication>GSSAPI</authentication><authentication>OAuth2</authentication>"),
            "imap h.example:993 tls alice+tag@example.com nopassword oauth2\n");
}

TEST(AutoconfigTest, UserNamesAreBoundedAndHaveNoControlCharacters) {
  const auto with = [](const std::string& name) {
    return Parsed(Server("h.example", "993", "SSL", "<username>" + name + "</username>"));
  };
  const std::string plain = "imap h.example:993 tls alice+tag@example.com\n";
  EXPECT_EQ(with(" "), plain);
  EXPECT_EQ(with(std::string(2000, 'x')), plain);
  std::string growing;
  for (int i = 0; i < 70; ++i) {
    growing += "%EMAILADDRESS%";
  }
  EXPECT_EQ(with(growing), plain);
  EXPECT_EQ(with("a&#13;&#10;A1 LOGOUT"), "");
  EXPECT_EQ(with("<![CDATA[a&b]]>"), "imap h.example:993 tls a&b\n");
  EXPECT_EQ(with("a&amp;b"), "imap h.example:993 tls a&b\n");
  EXPECT_EQ(with("%UNKNOWN%"), "imap h.example:993 tls %UNKNOWN%\n");
}

// A local part that looks like a place to fill in is not filled in again.
TEST(AutoconfigTest, TheAddressIsNotReadAsATemplate) {
  const Result<AddressParts> address = SplitAddress("%EMAILDOMAIN%@example.com");
  ASSERT_TRUE(address.ok());
  const Result<std::vector<FoundServer>> servers = ParseAutoconfig(
      Server("h.example", "993", "SSL", "<username>%EMAILLOCALPART%</username>"), *address, "test");
  ASSERT_TRUE(servers.ok());
  EXPECT_EQ(servers->at(0).username, "%EMAILDOMAIN%");
}

TEST(AutoconfigTest, EntitiesOfADocumentAreRefusedBeforeTheyGrow) {
  std::string bomb = "<?xml version=\"1.0\"?><!DOCTYPE c [<!ENTITY a0 \"aaaaaaaaaa\">";
  for (int i = 1; i < 10; ++i) {
    const std::string previous = "&a" + std::to_string(i - 1) + ";";
    bomb += "<!ENTITY a" + std::to_string(i) + " \"";
    for (int j = 0; j < 10; ++j) {
      bomb += previous;
    }
    bomb += "\">";
  }
  bomb += "]><clientConfig><emailProvider>&a9;</emailProvider></clientConfig>";
  EXPECT_EQ(Parsed(bomb), "protocol_error: the XML is refused: it has a document type");
  // An entity nobody has declared stays what it is.
  EXPECT_EQ(Parsed(Server("h.example", "993", "SSL", "<username>&lol;</username>")),
            "imap h.example:993 tls &lol;\n");
}

TEST(AutoconfigTest, DeepLargeAndManyAreBounded) {
  std::string deep = "<clientConfig><emailProvider>";
  for (int i = 0; i < 10'000; ++i) {
    deep += "<a>";
  }
  EXPECT_EQ(Parsed(deep), "protocol_error: the XML is refused: more than 16 levels");
  EXPECT_EQ(Parsed(std::string(kXmlBytesMax + 1, ' ')),
            "protocol_error: the XML is refused: more than 65536 bytes");
  std::string many = "<clientConfig><emailProvider>";
  for (int i = 0; i < 300; ++i) {
    many +=
        "<incomingServer type=\"imap\"><hostname>h.example</hostname><port>993</port>"
        "<socketType>SSL</socketType></incomingServer>";
  }
  const Result<std::vector<FoundServer>> servers =
      ParseAutoconfig(many + "</emailProvider></clientConfig>", Alice(), "test");
  ASSERT_TRUE(servers.ok()) << servers.status().ToString();
  EXPECT_EQ(servers->size(), kServersMax);
}

TEST(AutoconfigTest, WhatIsNoAutoconfigIsSaidToBeNone) {
  EXPECT_EQ(Parsed("").substr(0, 23), "protocol_error: not XML");
  EXPECT_EQ(Parsed("<html><body>Not found</body></html>"),
            "protocol_error: the XML has no clientConfig with an emailProvider");
  EXPECT_EQ(Parsed("<clientConfig/>"),
            "protocol_error: the XML has no clientConfig with an emailProvider");
  EXPECT_EQ(Parsed("<clientConfig><emailProvider/></clientConfig>"), "");
}

// Cut anywhere, a file gives servers of the whole one or none.
TEST(AutoconfigTest, AFileCutAnywhereGivesNothingElse) {
  const std::string whole = Parsed(kFile);
  for (size_t size = 0; size < kFile.size(); ++size) {
    const Result<std::vector<FoundServer>> servers =
        ParseAutoconfig(kFile.substr(0, size), Alice(), "test");
    if (servers.ok()) {
      EXPECT_TRUE(whole.starts_with(Shown(*servers))) << size;
    } else {
      EXPECT_EQ(servers.status().code(), Code::kProtocol) << size;
    }
  }
}

TEST(AutoconfigTest, IsFetchedFromTheDomainOverHttpsOnly) {
  EXPECT_EQ(AutoconfigUrls(Alice()),
            (std::vector<std::string>{
                "https://autoconfig.example.com/mail/config-v1.1.xml"
                "?emailaddress=alice%2Btag%40example.com",
                "https://example.com/.well-known/autoconfig/mail/config-v1.1.xml"}));
}

}  // namespace
}  // namespace mailhaul::autodiscover
