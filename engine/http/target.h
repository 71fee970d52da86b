// The request target: path segments and query parameters, decoded (RFC 9112 section 3.2).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mailhaul::http {

inline constexpr size_t kPathSegmentsMax = 16;
inline constexpr size_t kQueryParametersMax = 32;
inline constexpr size_t kQueryValueBytesMax = 1024;

struct Target {
  std::vector<std::string> segments;  // "/v1/mailboxes" gives "v1", "mailboxes".
  std::vector<std::pair<std::string, std::string>> query;  // In order; "+" stands for a space.
};

// Origin form ("/path?query") or an absolute http(s) URL, whose authority is ignored. All decoded
// text is UTF-8 without control characters, and no parameter comes twice; else kInvalidArgument.
Result<Target> ParseTarget(std::string_view text);

}  // namespace mailhaul::http
