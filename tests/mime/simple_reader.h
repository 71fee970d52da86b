// A reader of what compose and prepare_raw write that shares nothing with engine/mime: lines end in
// CRLF, fields are "name: value" with folds, parts stand between the lines of a quoted boundary.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mailhaul::mime {

struct SimplePart {
  std::vector<std::pair<std::string, std::string>> fields;  // Values unfolded, one space in front.
  std::string body;                                         // Of a leaf.
  std::vector<SimplePart> parts;

  std::string Value(std::string_view name) const;  // Of the first field `name`.
  std::vector<std::string> Names() const;
  // The parts without parts of their own, depth first.
  std::vector<const SimplePart*> Leaves() const;
};

// What is not of that form ends up in a field "malformed".
SimplePart ReadSimply(std::string_view bytes);

// Not empty: what mail servers without 8BITMIME would not take, or could read in two ways.
std::string WireFault(std::string_view bytes);

}  // namespace mailhaul::mime
