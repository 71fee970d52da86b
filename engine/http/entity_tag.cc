#include "engine/http/entity_tag.h"

#include <algorithm>
#include <utility>

namespace mailhaul::http {
namespace {

constexpr std::string_view kWeak = "W/";
constexpr std::string_view kCodedEnd = "-gzip\"";

bool Names(std::string_view field, std::string_view tag, bool weak_counts) {
  if (field == "*") {
    return true;
  }
  while (!field.empty()) {
    std::string_view item = field.substr(0, field.find(','));
    field.remove_prefix(std::min(item.size() + 1, field.size()));
    item.remove_prefix(std::min(item.find_first_not_of(" \t"), item.size()));
    item = item.substr(0, item.find_last_not_of(" \t") + 1);
    if (weak_counts && item.starts_with(kWeak)) {
      item.remove_prefix(kWeak.size());
    }
    if (item == tag) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string EntityTag(std::string_view version) { return "\"" + std::string(version) + "\""; }

std::string CodedEntityTag(std::string_view tag) {
  return std::string(tag.substr(0, tag.size() - 1)) + std::string(kCodedEnd);
}

bool IfNoneMatchNames(std::string_view field, std::string_view tag) {
  return Names(field, tag, /*weak_counts=*/true) ||
         Names(field, CodedEntityTag(tag), /*weak_counts=*/true);
}

bool IfMatchNames(std::string_view field, std::string_view tag) {
  return Names(field, tag, /*weak_counts=*/false) ||
         Names(field, CodedEntityTag(tag), /*weak_counts=*/false);
}

bool IsUnchanged(const Call& call, std::string_view version, Response* response) {
  std::string tag = EntityTag(version);
  const bool unchanged =
      call.if_none_match.has_value() && IfNoneMatchNames(*call.if_none_match, tag);
  if (unchanged && !Names(*call.if_none_match, tag, /*weak_counts=*/true)) {
    tag = CodedEntityTag(tag);  // The one that the client has.
  }
  response->headers.push_back({.name = "ETag", .value = std::move(tag)});
  // It may be kept, but the right to read it may end, and what it says may change.
  response->headers.push_back({.name = "Cache-Control", .value = "private, no-cache"});
  if (unchanged) {
    response->status = 304;
  }
  return unchanged;
}

}  // namespace mailhaul::http
