#include "engine/http/content_coding.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/text.h"
#include "engine/http/blanks.h"
#include "engine/http/entity_tag.h"

namespace mailhaul::http {
namespace {

constexpr int kLevel = 4;                 // JSON of mail: 6 gains 2 % and takes half as long again.
constexpr int kGzipWindowBits = 15 + 16;  // 32 KiB, with the header of gzip (zlib.h).
constexpr int kMemoryLevel = 8;           // zlib's default: 256 KiB while it works.

// Thousandths; a weight that is none counts as 0, so that a broken field gets the plain answer.
int ParseWeight(std::string_view parameter) {
  parameter = TrimBlanks(parameter);
  if (!StartsWithIgnoreCase(parameter, "q=")) {
    return 0;
  }
  const std::string_view number = parameter.substr(2);
  const std::string_view decimals = number.size() > 2 ? number.substr(2) : std::string_view();
  const bool sound =
      !number.empty() && number.size() <= 5 && (number[0] == '0' || number[0] == '1') &&
      (number.size() == 1 || number[1] == '.') &&
      std::all_of(decimals.begin(), decimals.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!sound) {
    return 0;
  }
  int thousandths = number[0] == '1' ? 1000 : 0;
  int unit = 100;
  for (const char c : decimals) {
    thousandths += unit * (c - '0');
    unit /= 10;
  }
  return std::min(thousandths, 1000);
}

// Empty when zlib cannot.
std::string Gzip(std::string_view bytes) {
  if (bytes.size() > std::numeric_limits<uInt>::max()) {
    return {};
  }
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string coded(deflateBound(&stream, bytes.size()), '\0');
  // zlib does not write to its input; its interface is older than const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(coded.data());
  stream.avail_out = static_cast<uInt>(coded.size());
  const int done = deflate(&stream, Z_FINISH);
  coded.resize(done == Z_STREAM_END ? stream.total_out : 0);
  deflateEnd(&stream);
  return coded;
}

}  // namespace

bool PrefersGzip(std::string_view accept_encoding) {
  std::optional<int> gzip;
  std::optional<int> identity;
  std::optional<int> any;
  while (!accept_encoding.empty()) {
    const std::string_view item = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(item.size() + 1, accept_encoding.size()));
    const size_t semicolon = item.find(';');
    const std::string_view name = TrimBlanks(item.substr(0, semicolon));
    const int weight =
        semicolon == std::string_view::npos ? 1000 : ParseWeight(item.substr(semicolon + 1));
    if (EqualsIgnoreCase(name, "gzip") || EqualsIgnoreCase(name, "x-gzip")) {
      gzip = std::max(gzip.value_or(0), weight);
    } else if (EqualsIgnoreCase(name, "identity")) {
      identity = weight;
    } else if (name == "*") {
      any = weight;
    }
  }
  const int wanted = gzip.value_or(any.value_or(0));
  return wanted > 0 && wanted >= identity.value_or(0);
}

bool IsCodeable(const Response& response) {
  const std::string_view type = response.content_type;
  return response.source == nullptr && !response.in_ranges && !response.until_close &&
         (type.starts_with("application/json") || type.starts_with("application/problem+json") ||
          type.starts_with("text/"));
}

void ApplyGzip(Response* response) {
  std::string coded = Gzip(response->body);
  if (coded.empty() || coded.size() >= response->body.size()) {
    return;
  }
  response->body = std::move(coded);
  response->headers.push_back({.name = "Content-Encoding", .value = "gzip"});
  for (Header& header : response->headers) {
    if (header.name == "ETag") {
      header.value = CodedEntityTag(header.value);
    }
  }
}

}  // namespace mailhaul::http
