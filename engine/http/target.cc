#include "engine/http/target.h"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/text.h"

namespace mailhaul::http {
namespace {

Status Bad(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

bool IsCleanText(std::string_view text) {
  return IsValidUtf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 0x20 || byte == 0x7F;
         });
}

Result<boost::urls::url_view> ParseUrl(std::string_view text) {
  const boost::core::string_view view(text.data(), text.size());
  if (text.starts_with('/')) {
    const auto url = boost::urls::parse_origin_form(view);
    if (url.has_value()) {
      return *url;
    }
  } else if (StartsWithIgnoreCase(text, "http://") || StartsWithIgnoreCase(text, "https://")) {
    const auto url = boost::urls::parse_absolute_uri(view);
    if (url.has_value() && !url->has_userinfo() && !url->encoded_host().empty()) {
      return *url;
    }
  }
  return Bad("the request target is not a path");
}

// Splits before decoding: "%2F" is part of a segment. Boost's own view of the segments leaves out a
// leading "/.", which would give one path two spellings.
Status TakeSegments(const boost::urls::url_view& url, Target* target) {
  const boost::urls::pct_string_view path = url.encoded_path();
  std::string_view rest(path.data(), path.size());
  while (!rest.empty()) {
    rest.remove_prefix(1);  // The slash.
    const std::string_view encoded = rest.substr(0, rest.find('/'));
    rest.remove_prefix(encoded.size());
    if (target->segments.size() >= kPathSegmentsMax) {
      return Bad("the path has too many segments");
    }
    const boost::urls::pct_string_view segment(encoded.data(), encoded.size());
    target->segments.push_back(segment.decode());
    if (!IsCleanText(target->segments.back())) {
      return Bad("the path holds control characters or is not UTF-8");
    }
  }
  return Status::Ok();
}

Status TakeQuery(const boost::urls::url_view& url, Target* target) {
  const boost::urls::encoding_opts plus_is_space(/*space_as_plus=*/true);
  for (const auto& parameter : url.params(plus_is_space)) {
    const std::string name(parameter.key);
    const std::string value(parameter.value);
    if (target->query.size() >= kQueryParametersMax) {
      return Bad("too many query parameters");
    }
    if (value.size() > kQueryValueBytesMax || !IsCleanText(name) || !IsCleanText(value)) {
      return Bad("a query parameter is too long, holds control characters or is not UTF-8");
    }
    const bool doubled = std::any_of(target->query.begin(), target->query.end(),
                                     [&](const auto& earlier) { return earlier.first == name; });
    if (doubled) {
      return Bad("query parameter given twice: " + EscapeForLog(name, 64));
    }
    target->query.emplace_back(name, value);
  }
  return Status::Ok();
}

}  // namespace

Result<Target> ParseTarget(std::string_view text) {
  MH_ASSIGN_OR_RETURN(const boost::urls::url_view url, ParseUrl(text));
  Target target;
  MH_RETURN_IF_ERROR(TakeSegments(url, &target));
  MH_RETURN_IF_ERROR(TakeQuery(url, &target));
  return target;
}

}  // namespace mailhaul::http
