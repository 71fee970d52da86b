#include "engine/http/cursor.h"

#include "engine/http/base64url.h"
#include "store/blob_store.h"

namespace mailhaul::http {
namespace {

constexpr char kVersion = 1;
constexpr size_t kCheckBytes = 16;
constexpr size_t kPrefixBytes = 1 + kCheckBytes;

Status BadCursor() {
  return {Code::kInvalidArgument,
          "the cursor is damaged or belongs to another list; start again without it"};
}

void PutU64(std::string* out, uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>((value >> shift) & 255));
  }
}

uint64_t GetU64(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes.substr(0, 8)) {
    value = (value << 8) | static_cast<unsigned char>(c);
  }
  return value;
}

std::string Check(std::string_view scope, std::string_view position) {
  const store::Sha256 hash = store::ComputeSha256(CursorScope({scope, position}));
  std::string check;
  for (size_t i = 0; i < kCheckBytes; ++i) {
    check.push_back(static_cast<char>(hash[i]));
  }
  return check;
}

}  // namespace

std::string CursorScope(const std::vector<std::string_view>& parts) {
  std::string scope;
  for (const std::string_view part : parts) {
    PutU64(&scope, part.size());
    scope += part;
  }
  return scope;
}

std::string EncodeCursor(std::string_view scope, std::string_view position) {
  std::string bytes(1, kVersion);
  bytes += Check(scope, position);
  bytes += position;
  return Base64UrlEncode(bytes);
}

Result<std::string> DecodeCursor(std::string_view scope, std::string_view cursor,
                                 size_t bytes_max) {
  if (cursor.size() > bytes_max) {
    return BadCursor();
  }
  const std::optional<std::string> bytes = Base64UrlDecode(cursor);
  if (!bytes.has_value() || bytes->size() < kPrefixBytes || bytes->front() != kVersion) {
    return BadCursor();
  }
  const std::string position = bytes->substr(kPrefixBytes);
  if (bytes->compare(1, kCheckBytes, Check(scope, position)) != 0) {
    return BadCursor();
  }
  return position;
}

std::string EncodePosition(const MessagePosition& position) {
  std::string bytes;
  PutU64(&bytes, static_cast<uint64_t>(position.date.time_since_epoch().count()));
  PutU64(&bytes, position.id.value);
  return bytes;
}

Result<MessagePosition> DecodePosition(std::string_view bytes) {
  if (bytes.size() != 16) {
    return BadCursor();
  }
  const auto millis = static_cast<int64_t>(GetU64(bytes));
  return MessagePosition{.date = WallTime(std::chrono::milliseconds(millis)),
                         .id = MessageId{GetU64(bytes.substr(8))}};
}

}  // namespace mailhaul::http
