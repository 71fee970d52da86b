#include "engine/http/cursor.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/http/base64url.h"

namespace mailhaul::http {
namespace {

TEST(Base64UrlTest, MatchesTheRfc) {
  // RFC 4648 section 10, without padding.
  EXPECT_EQ(Base64UrlEncode(""), "");
  EXPECT_EQ(Base64UrlEncode("f"), "Zg");
  EXPECT_EQ(Base64UrlEncode("fo"), "Zm8");
  EXPECT_EQ(Base64UrlEncode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64UrlEncode("\xFB\xFF"), "-_8");
}

TEST(Base64UrlTest, DecodesOnlyWhatItEncodes) {
  SeededRandom random(7);
  for (size_t size = 0; size < 70; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random.Below(256));
    }
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
  }
  for (const char* bad : {"Z", "Zg==", "Zh", "Zm9=", "Zm+v", "Zm/v", "Zm v", "Zm9vY"}) {
    EXPECT_EQ(Base64UrlDecode(bad), std::nullopt) << bad;
  }
}

TEST(CursorTest, ComesBackInItsOwnListOnly) {
  const std::string scope = CursorScope({"messages", "acme", "folder", "INBOX"});
  const std::string cursor = EncodeCursor(scope, "position");
  EXPECT_EQ(DecodeCursor(scope, cursor).value(), "position");
  const std::vector<std::string> other_scopes = {
      CursorScope({"messages", "globex", "folder", "INBOX"}),
      CursorScope({"messages", "acme", "folder", "Sent"}),
      CursorScope({"messages", "acme"}),
      CursorScope({"messages", "acme", "folderINBOX"}),
  };
  for (const std::string& other : other_scopes) {
    EXPECT_EQ(DecodeCursor(other, cursor).status().code(), Code::kInvalidArgument);
  }
}

TEST(CursorTest, EveryDamageIsNoticed) {
  const std::string scope = CursorScope({"messages", "acme"});
  const MessagePosition position{.date = WallTime(std::chrono::milliseconds(-5)),
                                 .id = MessageId::Make(3, 77)};
  const std::string cursor = EncodeCursor(scope, EncodePosition(position));
  for (size_t i = 0; i < cursor.size(); ++i) {
    std::string damaged = cursor;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(DecodeCursor(scope, damaged).ok()) << i;
    EXPECT_FALSE(DecodeCursor(scope, cursor.substr(0, i)).ok()) << i;
  }
  EXPECT_FALSE(DecodeCursor(scope, cursor + "A").ok());
  EXPECT_FALSE(DecodeCursor(scope, std::string(kCursorBytesMax + 1, 'A')).ok());
}

TEST(CursorTest, PositionsRoundTrip) {
  for (const int64_t millis : {int64_t{0}, int64_t{-1}, int64_t{1'700'000'000'123}, INT64_MAX}) {
    const MessagePosition position{.date = WallTime(std::chrono::milliseconds(millis)),
                                   .id = MessageId{UINT64_MAX - 1}};
    const Result<MessagePosition> back = DecodePosition(EncodePosition(position));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->date, position.date);
    EXPECT_EQ(back->id, position.id);
  }
  EXPECT_FALSE(DecodePosition("short").ok());
  EXPECT_FALSE(DecodePosition(std::string(17, 'x')).ok());
}

}  // namespace
}  // namespace mailhaul::http
