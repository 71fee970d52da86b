#include "engine/http/byte_range.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/http/blanks.h"

namespace mailhaul::http {
namespace {

class Slice final : public ByteSource {
 public:
  Slice(std::unique_ptr<ByteSource> whole, ByteRange range)
      : whole_(std::move(whole)), range_(range) {}
  uint64_t size() const override { return range_.bytes; }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    const uint64_t left = range_.bytes - std::min(offset, range_.bytes);
    return whole_->ReadAt(range_.first + offset, out.first(std::min<uint64_t>(out.size(), left)));
  }
  std::string_view Contiguous() const override {
    const std::string_view whole = whole_->Contiguous();
    return whole.empty() ? whole : whole.substr(range_.first, range_.bytes);
  }
  size_t held_bytes() const override { return whole_->held_bytes(); }

 private:
  const std::unique_ptr<ByteSource> whole_;
  const ByteRange range_;
};

// Digits of any length: what is beyond every size is as good as the largest number.
std::optional<uint64_t> ParsePosition(std::string_view digits) {
  if (digits.empty()) {
    return std::nullopt;
  }
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value > (kMax - 9) / 10 ? kMax : value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

}  // namespace

std::optional<ByteRange> ParseRange(std::string_view field, uint64_t size) {
  static constexpr std::string_view kUnit = "bytes=";
  if (!StartsWithIgnoreCase(field, kUnit)) {
    return std::nullopt;
  }
  const std::string_view spec = TrimBlanks(field.substr(kUnit.size()));
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::optional<uint64_t> first = ParsePosition(spec.substr(0, dash));
  const std::optional<uint64_t> last = ParsePosition(spec.substr(dash + 1));
  const bool open = dash + 1 == spec.size();
  if (dash == 0) {  // The last so many bytes.
    if (!last.has_value() || (size == 0 && *last > 0)) {
      return std::nullopt;  // Of nothing, the end is all: but no Content-Range can say so.
    }
    const uint64_t bytes = std::min(*last, size);
    return ByteRange{.first = size - bytes, .bytes = bytes};
  }
  if (!first.has_value() || (!open && (!last.has_value() || *last < *first))) {
    return std::nullopt;
  }
  if (*first >= size) {
    return ByteRange{};
  }
  const uint64_t end = open ? size - 1 : std::min(*last, size - 1);
  return ByteRange{.first = *first, .bytes = end - *first + 1};
}

void ApplyRange(const Call& call, std::string_view tag, Response* response) {
  response->in_ranges = true;
  response->headers.push_back({.name = "Accept-Ranges", .value = "bytes"});
  if (!call.range.has_value() || (call.if_range.has_value() && *call.if_range != tag)) {
    return;
  }
  const uint64_t size = response->body_bytes();
  const std::optional<ByteRange> range = ParseRange(*call.range, size);
  if (!range.has_value()) {
    return;
  }
  if (range->bytes == 0) {
    *response = Problem(416, "range_not_satisfiable",
                        "there are " + std::to_string(size) + " bytes, and none in this range");
    response->headers.push_back(
        {.name = "Content-Range", .value = "bytes */" + std::to_string(size)});
    return;
  }
  response->status = 206;
  const uint64_t last = range->first + range->bytes - 1;
  response->headers.push_back({.name = "Content-Range",
                               .value = "bytes " + std::to_string(range->first) + "-" +
                                        std::to_string(last) + "/" + std::to_string(size)});
  if (response->source != nullptr) {
    response->source = std::make_unique<Slice>(std::move(response->source), *range);
  } else {
    response->body = response->body.substr(range->first, range->bytes);
  }
}

}  // namespace mailhaul::http
