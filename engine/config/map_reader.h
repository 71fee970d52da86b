// Typed, checked reading of a map of the configuration.
//
// Every method reports what is wrong at its place and leaves the target alone, so that one pass
// finds all errors of a file.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/report.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

using Words = std::vector<std::string_view>;

struct KeySet {
  Words known;
  Words unsupported = {};  // Documented for a later version: refused rather than ignored.
  // An unknown key may be a stray piece of an unquoted password: messages quote it only if it is
  // clearly a mistyped key.
  bool holds_secret = false;
};

template <typename T>
struct Bounds {
  T min;
  T max;
};

struct Entry {
  const Node* key;
  const Node* value;
};

// "'tls', 'starttls'".
std::string Listed(const Words& words);

// Text without control characters of 1 to `bytes_max` bytes. `what` names it in the report.
// A number, true or a date without quotes is text too, as written.
bool ReadText(const Node& node, std::string_view what, size_t bytes_max, Report& report,
              std::string& out);

// The text is valid UTF-8 already; this is about control characters (C0, DEL, C1).
bool HasControlCharacter(std::string_view text);

class MapReader final {
 public:
  // Reports unknown, unsupported and doubled keys at once. `what` names the map in the report.
  // `node` and `report` must outlive the reader. If `node` is no map, that is reported and the
  // reader finds nothing and demands nothing.
  MapReader(const Node& node, std::string_view what, KeySet keys, Report& report);

  bool is_map() const { return node_.kind == Node::Kind::kMap; }
  Position position() const { return node_.position; }
  // The value of `key`, or null.
  const Node* Find(std::string_view key) const;
  // The same; its absence is an error.
  const Node* Require(std::string_view key) const;

  // Each returns whether `out` was set. An absent key is not an error. `alternative`, such as
  // "auto or ", is what else the caller accepts, for the report.
  bool Text(std::string_view key, size_t bytes_max, std::string& out) const;
  bool Bool(std::string_view key, bool& out) const;
  template <typename T>
  bool Integer(std::string_view key, Bounds<T> bounds, T& out,
               std::string_view alternative = "") const {
    uint64_t value = 0;
    if (!Unsigned(key, {bounds.min, bounds.max}, alternative, value)) {
      return false;
    }
    out = static_cast<T>(value);
    return true;
  }
  bool ByteSize(std::string_view key, Bounds<uint64_t> bounds, uint64_t& out) const;
  bool Duration(std::string_view key, Bounds<std::chrono::milliseconds> bounds,
                std::chrono::milliseconds& out, std::string_view alternative = "") const;
  // `out`: the index in `choices`.
  bool Choice(std::string_view key, const Words& choices, const Words& unsupported,
              size_t& out) const;

 private:
  bool Unsigned(std::string_view key, Bounds<uint64_t> bounds, std::string_view alternative,
                uint64_t& out) const;
  void ReportKey(const Node& key, const Node& value) const;

  const Node& node_;
  std::string what_;
  KeySet keys_;
  Report& report_;
};

// The entries of a map whose keys are free. Doubled keys are reported and left out.
std::vector<Entry> FreeEntries(const Node& node, std::string_view what, Report& report);

// The items of a list; reports if it is none.
const std::vector<Node>& Items(const Node& node, std::string_view what, Report& report);

}  // namespace mailhaul::config
