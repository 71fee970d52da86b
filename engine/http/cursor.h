// Opaque positions in lists, given out as next_cursor.
//
// A cursor carries a position and a check over the list it belongs to (tenant, route, filters) and
// that position. It holds no secret and grants nothing: the check is there so that a cursor of
// another list, or a damaged one, is refused instead of giving a silently wrong page. Cursors
// outlive a restart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace mailhaul::http {

inline constexpr size_t kCursorBytesMax = 512;  // Encoded.

// Names one list: the parts, each with its length, so that no two lists share a scope.
std::string CursorScope(const std::vector<std::string_view>& parts);

std::string EncodeCursor(std::string_view scope, std::string_view position);
// The position; kInvalidArgument when the cursor is damaged, of another list, or longer than
// `bytes_max` as encoded.
Result<std::string> DecodeCursor(std::string_view scope, std::string_view cursor,
                                 size_t bytes_max = kCursorBytesMax);

// After this message, newest first.
struct MessagePosition {
  WallTime date{};
  MessageId id;
};
std::string EncodePosition(const MessagePosition& position);
Result<MessagePosition> DecodePosition(std::string_view bytes);

}  // namespace mailhaul::http
