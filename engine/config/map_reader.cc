#include "engine/config/map_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "base/units.h"

namespace mailhaul::config {
namespace {

constexpr size_t kShownBytesMax = 60;
constexpr size_t kSuggestedBytesMax = 64;  // Longer words are no typing errors.

std::string Quoted(std::string_view text) { return "'" + EscapeForLog(text, kShownBytesMax) + "'"; }

std::string_view Nearest(std::string_view word, const Words& known) {
  return word.size() > kSuggestedBytesMax ? std::string_view() : NearestWord(word, known);
}

bool Contains(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// A value that is written without quotes and is not a list, a map or missing.
bool IsPlain(const Node& node) { return node.kind == Node::Kind::kScalar && !node.quoted; }

std::string Range(const std::string& min, const std::string& max) {
  return "from " + min + " to " + max;
}

// FormatByteSize() rounds; a bound must be exact, and in the form that the file takes.
std::string ShowByteSize(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (unit + 1 < std::size(kUnits) && bytes > 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

std::string ShowDuration(std::chrono::milliseconds duration) {
  constexpr std::pair<int64_t, std::string_view> kUnits[] = {
      {86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1000, "s"}};
  for (const auto& [size, name] : kUnits) {
    if (duration.count() % size == 0) {
      return std::to_string(duration.count() / size) + std::string(name);
    }
  }
  return std::to_string(duration.count()) + "ms";
}

}  // namespace

std::string Listed(const Words& words) {
  std::string listed;
  for (const std::string_view word : words) {
    listed += (listed.empty() ? "'" : ", '") + std::string(word) + "'";
  }
  return listed;
}

bool HasControlCharacter(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7F || c1) {
      return true;
    }
  }
  return false;
}

bool ReadText(const Node& node, std::string_view what, size_t bytes_max, Report& report,
              std::string& out) {
  const std::string name = "'" + std::string(what) + "' ";
  if (node.kind != Node::Kind::kScalar || node.text.empty()) {
    report.Error(node.position, name + "must be text, not empty");
    return false;
  }
  if (node.text.size() > bytes_max) {
    report.Error(node.position, name + "is longer than " + std::to_string(bytes_max) + " bytes");
    return false;
  }
  if (HasControlCharacter(node.text)) {
    report.Error(node.position, name + "contains a control character");
    return false;
  }
  out = node.text;
  return true;
}

MapReader::MapReader(const Node& node, std::string_view what, KeySet keys, Report& report)
    : node_(node), what_(what), keys_(std::move(keys)), report_(report) {
  if (!is_map()) {
    report.Error(node.position, what_ + " must be a map of keys and values");
    return;
  }
  std::vector<const Node*> seen(keys_.known.size());
  for (size_t i = 0; i < node.children.size(); i += 2) {
    const Node& key = node.children[i];
    const auto found = std::find(keys_.known.begin(), keys_.known.end(), key.text);
    if (found == keys_.known.end()) {
      ReportKey(key, node.children[i + 1]);
      continue;
    }
    const Node*& first = seen[static_cast<size_t>(found - keys_.known.begin())];
    if (first != nullptr) {
      report.Error(key.position, "duplicate key '" + key.text + "'; the first is in line " +
                                     std::to_string(first->position.line));
    } else {
      first = &key;
    }
  }
}

void MapReader::ReportKey(const Node& key, const Node& value) const {
  if (Contains(keys_.unsupported, key.text)) {
    report_.Error(key.position, "known key '" + key.text + "', not supported by this version yet");
    return;
  }
  if (report_.full()) {
    report_.Error(key.position, "");  // Only counted; no search for suggestions.
    return;
  }
  const std::string_view nearest = Nearest(key.text, keys_.known);
  // In {password: a, b} the key b is a piece of the password.
  const bool may_be_secret =
      keys_.holds_secret && (nearest.empty() || value.kind == Node::Kind::kNull);
  std::string message = may_be_secret ? "unknown key" : "unknown key " + Quoted(key.text);
  if (nearest.empty()) {
    message += "; known here: " + Listed(keys_.known);
  } else {
    message += "; did you mean '" + std::string(nearest) + "'?";
  }
  report_.Error(key.position, std::move(message));
}

const Node* MapReader::Find(std::string_view key) const {
  if (!is_map()) {
    return nullptr;
  }
  for (size_t i = 0; i < node_.children.size(); i += 2) {
    if (node_.children[i].text == key) {
      return &node_.children[i + 1];
    }
  }
  return nullptr;
}

const Node* MapReader::Require(std::string_view key) const {
  const Node* value = Find(key);
  if (value == nullptr && is_map()) {
    report_.Error(node_.position, what_ + " lacks the key '" + std::string(key) + "'");
  }
  return value;
}

bool MapReader::Text(std::string_view key, size_t bytes_max, std::string& out) const {
  const Node* value = Find(key);
  return value != nullptr && ReadText(*value, key, bytes_max, report_, out);
}

bool MapReader::Bool(std::string_view key, bool& out) const {
  const Node* value = Find(key);
  if (value == nullptr) {
    return false;
  }
  if (!IsPlain(*value) || (value->text != "true" && value->text != "false")) {
    report_.Error(value->position, "'" + std::string(key) + "' must be true or false");
    return false;
  }
  out = value->text == "true";
  return true;
}

bool MapReader::Unsigned(std::string_view key, Bounds<uint64_t> bounds,
                         std::string_view alternative, uint64_t& out) const {
  const Node* value = Find(key);
  if (value == nullptr) {
    return false;
  }
  uint64_t number = 0;
  const char* end = value->text.data() + value->text.size();
  const auto parsed = std::from_chars(value->text.data(), end, number);
  if (!IsPlain(*value) || parsed.ec != std::errc() || parsed.ptr != end || number < bounds.min ||
      number > bounds.max) {
    report_.Error(value->position,
                  "'" + std::string(key) + "' must be " + std::string(alternative) +
                      "a whole number " +
                      Range(std::to_string(bounds.min), std::to_string(bounds.max)));
    return false;
  }
  out = number;
  return true;
}

bool MapReader::ByteSize(std::string_view key, Bounds<uint64_t> bounds, uint64_t& out) const {
  const Node* value = Find(key);
  if (value == nullptr) {
    return false;
  }
  const Result<uint64_t> size = ParseByteSize(IsPlain(*value) ? value->text : "");
  if (!size.ok() || *size < bounds.min || *size > bounds.max) {
    report_.Error(value->position, "'" + std::string(key) + "' must be a size such as 64MiB, " +
                                       Range(ShowByteSize(bounds.min), ShowByteSize(bounds.max)));
    return false;
  }
  out = *size;
  return true;
}

bool MapReader::Duration(std::string_view key, Bounds<std::chrono::milliseconds> bounds,
                         std::chrono::milliseconds& out, std::string_view alternative) const {
  const Node* value = Find(key);
  if (value == nullptr) {
    return false;
  }
  const Result<std::chrono::milliseconds> duration =
      ParseDuration(IsPlain(*value) ? value->text : "");
  if (!duration.ok() || *duration < bounds.min || *duration > bounds.max) {
    report_.Error(value->position, "'" + std::string(key) + "' must be " +
                                       std::string(alternative) + "a duration such as 30s, " +
                                       Range(ShowDuration(bounds.min), ShowDuration(bounds.max)));
    return false;
  }
  out = *duration;
  return true;
}

bool MapReader::Choice(std::string_view key, const Words& choices, const Words& unsupported,
                       size_t& out) const {
  const Node* value = Find(key);
  if (value == nullptr) {
    return false;
  }
  const std::string_view text = value->text;  // Empty unless a scalar.
  const auto found = std::find(choices.begin(), choices.end(), text);
  if (found != choices.end()) {
    out = static_cast<size_t>(found - choices.begin());
    return true;
  }
  if (Contains(unsupported, text)) {
    report_.Error(value->position, "known value '" + std::string(text) + "' of '" +
                                       std::string(key) + "', not supported by this version yet");
    return false;
  }
  const std::string_view nearest =
      text.empty() || choices.size() < 2 ? std::string_view() : Nearest(text, choices);
  report_.Error(value->position,
                "'" + std::string(key) + (choices.size() < 2 ? "' must be " : "' must be one of ") +
                    Listed(choices) +
                    (nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?"));
  return false;
}

std::vector<Entry> FreeEntries(const Node& node, std::string_view what, Report& report) {
  std::vector<Entry> entries;
  if (node.kind != Node::Kind::kMap) {
    report.Error(node.position, std::string(what) + " must be a map of keys and values");
    return entries;
  }
  std::set<std::string_view> seen;
  for (size_t i = 0; i < node.children.size(); i += 2) {
    const Node& key = node.children[i];
    if (seen.insert(key.text).second) {
      entries.push_back({&key, &node.children[i + 1]});
    } else {
      report.Error(key.position, "duplicate key " + Quoted(key.text));
    }
  }
  return entries;
}

const std::vector<Node>& Items(const Node& node, std::string_view what, Report& report) {
  if (node.kind != Node::Kind::kList) {
    static const std::vector<Node> kNone;
    report.Error(node.position, "'" + std::string(what) + "' must be a list");
    return kNone;
  }
  return node.children;
}

}  // namespace mailhaul::config
