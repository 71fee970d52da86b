// JSON (RFC 8259) as the tree that the readers of the configuration take, so that what is said over
// HTTP and what stands in a file have the same rules and messages.
//
// Boost.JSON does the scanning; its types stay in json_tree.cc.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

struct JsonTree {
  Node root;
  // By Position::line - 1 of a node, for JSON has no lines: where it lies, "source.port"; "" for
  // the root.
  std::vector<std::string> paths;

  const std::string& PathOf(int line) const;  // "" of what has none.
};

// The tree, or why `text` is refused, without a word of it: it may hold secrets. Keys that stand
// twice are refused, for readers disagree on which of them counts. At most kDepthMax deep, and
// kJsonNodesMax values.
std::variant<JsonTree, std::string> ParseJson(std::string_view text);

inline constexpr size_t kJsonNodesMax = 1000;

}  // namespace mailhaul::config
