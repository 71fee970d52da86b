#include "connectors/imap/modified_utf7.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace mailhaul::imap {
namespace {

const std::vector<std::pair<std::string, std::string>>& Pairs() {
  static const std::vector<std::pair<std::string, std::string>> pairs = {
      {"", ""},
      {"INBOX", "INBOX"},
      {"A&-B", "A&B"},
      {"&-&-", "&&"},
      {"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},  // RFC 3501, 5.1.3.
      {"Entw&APw-rfe", "Entwürfe"},
      {"&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-", "Отправленные"},
      {"&2D3cjA-", "💌"},
      {"x&AOkA6Q-y", "xééy"},
  };
  return pairs;
}

TEST(ModifiedUtf7Test, DecodesWhatServersSend) {
  for (const auto& [wire, utf8] : Pairs()) {
    EXPECT_EQ(DecodeModifiedUtf7(wire), utf8);
  }
}

TEST(ModifiedUtf7Test, EncodesToTheSameNames) {
  for (const auto& [wire, utf8] : Pairs()) {
    EXPECT_EQ(EncodeModifiedUtf7(utf8), wire);
  }
}

TEST(ModifiedUtf7Test, RefusesMalformedNames) {
  const std::vector<std::string> malformed = {
      "&",            // No end.
      "a&AOk",        // No end.
      "&A-",          // Not a whole unit.
      "&AOkA-",       // A spare character.
      "&AOl-",        // Bits beyond the unit are not zero.
      "&AE8-",        // Printable ASCII must not be encoded: "O".
      "&AC8-",        // "/" in disguise.
      "&AAo-",        // A line end.
      "&AAA-",        // NUL.
      "&2D0-",        // A high surrogate alone.
      "&3Iw-",        // A low surrogate alone.
      "&2D0AQQ-",     // A high surrogate before a letter.
      "&AOk-&AOk-",   // Two runs that an encoder would join.
      "&AO k-",       // Not base64.
      "caf\xC3\xA9",  // 8-bit bytes.
      "a\tb",         // A control character.
  };
  for (const std::string& wire : malformed) {
    EXPECT_EQ(DecodeModifiedUtf7(wire), std::nullopt) << wire;
  }
}

TEST(ModifiedUtf7Test, DoesNotEncodeWhatIsNoUtf8) {
  EXPECT_EQ(EncodeModifiedUtf7("\xC3"), std::nullopt);
  EXPECT_EQ(EncodeModifiedUtf7("\xED\xA0\x80"), std::nullopt);
}

TEST(ModifiedUtf7Test, EveryCodePointSurvivesTheRoundTrip) {
  for (uint32_t code = 0xA0; code < 0x110000; code += code < 0x3000 ? 1 : 97) {
    if (code >= 0xD800 && code <= 0xDFFF) {
      continue;
    }
    std::string utf8;
    const auto add = [&utf8](uint32_t byte) { utf8.push_back(static_cast<char>(byte & 0xFF)); };
    if (code < 0x800) {
      add(0xC0 | (code >> 6));
    } else if (code < 0x10000) {
      add(0xE0 | (code >> 12));
      add(0x80 | ((code >> 6) & 0x3F));
    } else {
      add(0xF0 | (code >> 18));
      add(0x80 | ((code >> 12) & 0x3F));
      add(0x80 | ((code >> 6) & 0x3F));
    }
    add(0x80 | (code & 0x3F));
    const std::string name = "a" + utf8 + utf8 + "&" + utf8;
    const std::optional<std::string> wire = EncodeModifiedUtf7(name);
    ASSERT_TRUE(wire.has_value()) << code;
    ASSERT_EQ(DecodeModifiedUtf7(*wire), name) << code;
  }
}

}  // namespace
}  // namespace mailhaul::imap
