// XML that no parser gets to see.
#include "connectors/autodiscover/xml_bounds.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::autodiscover {
namespace {

std::string Repeated(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) {
    all += text;
  }
  return all;
}

TEST(XmlBoundsTest, PlainXmlPasses) {
  for (const std::string& xml :
       {std::string(""), std::string("text"), std::string("<?xml version=\"1.0\"?><a><b/></a>"),
        std::string("<a><!-- <b><c><!DOCTYPE --><![CDATA[<d><e>]]></a>"),
        std::string("<a b='>' c=\"/>\">\xC3\xA9</a>"), Repeated("<a/>", 1000),
        Repeated("<a>", kXmlDepthMax) + Repeated("</a>", kXmlDepthMax),
        Repeated("<a></a>", 1000)}) {
    EXPECT_TRUE(CheckXml(xml).ok()) << xml << CheckXml(xml).ToString();
  }
}

TEST(XmlBoundsTest, HostileXmlDoesNot) {
  for (const std::string& xml :
       {Repeated("<a>", kXmlDepthMax + 1), std::string(kXmlBytesMax + 1, ' '),
        Repeated("<a b='/'>", kXmlDepthMax + 1),
        std::string(
            "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY l2 \"&lol;&lol;\">]><a>&l2;</a>"),
        std::string("<!doctype a>"), std::string("<a><!ENTITY x SYSTEM 'file:///etc/passwd'></a>"),
        std::string("<a><!-- --><!DOCTYPE b></a>"), std::string("<a b='"), std::string("<"),
        std::string("<a"), std::string("<a>\xFF</a>"), std::string("<a>\0</a>", 8),
        std::string("\xFF\xFE<\0a\0>\0", 8)}) {
    EXPECT_EQ(CheckXml(xml).code(), Code::kProtocol) << xml.substr(0, 60);
  }
}

}  // namespace
}  // namespace mailhaul::autodiscover
