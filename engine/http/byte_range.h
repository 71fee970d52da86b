// Parts of an answer by byte range (RFC 9110 section 14).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/http/gate.h"
#include "engine/http/response.h"

namespace mailhaul::http {

struct ByteRange {
  uint64_t first = 0;
  uint64_t bytes = 0;  // 0: none of them is there.
};

// What a Range field asks of `size` bytes. Absent: all of them, because the field is malformed, of
// another unit, or names several ranges, which a server need not answer one by one.
std::optional<ByteRange> ParseRange(std::string_view field, uint64_t size);

// Makes of an answer with all bytes, whose entity tag is `tag`, the part that the call asks for:
// 206, or 416 if there is none. A part of another version, by If-Range, is not asked for.
void ApplyRange(const Call& call, std::string_view tag, Response* response);

}  // namespace mailhaul::http
