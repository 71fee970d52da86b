// The part of YAML 1.2 that configuration needs, as a bounded tree with positions.
//
// One document of maps, lists and plain text; no anchors, aliases, merge keys or tags, so that a
// small file cannot stand for a large tree and nothing is hidden from the reader. yaml-cpp does the
// scanning; its types and exceptions stay in yaml_tree.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/report.h"

namespace mailhaul::config {

inline constexpr size_t kNodesMax = 500'000;
inline constexpr size_t kScalarBytesMax = size_t{64} << 10;
// What the scanner may read beyond the last node it reported. It keeps about 250 bytes of memory
// for each, e.g. for a list in brackets that might turn out to be a map's key.
inline constexpr size_t kScanAheadBytesMax = size_t{1} << 20;

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  bool quoted = false;  // Of a scalar: in quotes or a block, so it can be nothing but text.
  Position position;    // Of a null value in a map: that of its key.
  std::string text;  // Of a scalar: valid UTF-8, at most kScalarBytesMax; may hold "\n", "\0", ...
  std::vector<Node> children;  // Of a list: items. Of a map: key, value, key, value; keys: scalars.
};

// The root of the only document of `text`. Else reports one error and returns nothing.
std::optional<Node> ParseYaml(std::string_view text, Report& report);

}  // namespace mailhaul::config
