#include "engine/mime/address_items.h"

#include <algorithm>

namespace mailhaul::mime {
namespace {

// The place behind what begins at `at` and ends with `close`, backslashes taken into account.
size_t SkipTo(std::string_view value, size_t at, char close) {
  for (++at; at < value.size() && value[at] != close; ++at) {
    at += value[at] == '\\' ? 1 : 0;
  }
  return std::min(at + 1, value.size());
}

// Behind the comment at `at`; npos: it never ends.
size_t SkipComment(std::string_view value, size_t at) {
  size_t depth = 0;
  for (; at < value.size(); ++at) {
    if (value[at] == '\\') {
      ++at;
    } else if (value[at] == '(') {
      ++depth;
    } else if (value[at] == ')' && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

size_t CountAddressItems(std::string_view value) {
  size_t items = 0;
  bool in_item = false;
  for (size_t at = 0; at < value.size();) {
    switch (value[at]) {
      case '(':
        at = SkipComment(value, at);
        if (at == std::string_view::npos) {
          return items + 1;
        }
        continue;
      case ',':
      case ';':
        in_item = false;
        break;
      case ':':  // What stands before it is a group's name.
        items -= in_item ? 1 : 0;
        in_item = false;
        break;
      default:
        if (IsBlank(value[at])) {
          break;
        }
        items += in_item ? 0 : 1;
        in_item = true;
        const char c = value[at];
        if (c == '"' || c == '<' || c == '[') {
          at = SkipTo(value, at, c == '"' ? '"' : (c == '<' ? '>' : ']'));
          continue;
        }
    }
    ++at;
  }
  return items;
}

}  // namespace mailhaul::mime
