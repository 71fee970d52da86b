#include "engine/config/json_tree.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/text.h"
#include "engine/config/config.h"

namespace mailhaul::config {
namespace {

namespace json = boost::json;

constexpr size_t kShownKeyBytesMax = 32;

std::string_view View(json::string_view text) { return {text.data(), text.size()}; }

// What Boost.JSON calls while it reads. The names are its own.
class TreeBuilder final {
 public:
  static constexpr size_t max_object_size = std::numeric_limits<size_t>::max();
  static constexpr size_t max_array_size = std::numeric_limits<size_t>::max();
  static constexpr size_t max_key_size = std::numeric_limits<size_t>::max();
  static constexpr size_t max_string_size = std::numeric_limits<size_t>::max();

  JsonTree tree;
  std::string refusal;  // Why on_...() said no.

  bool on_document_begin(json::error_code& /*error*/) { return true; }
  bool on_document_end(json::error_code& /*error*/) { return true; }
  bool on_object_begin(json::error_code& error) { return Open(Node::Kind::kMap, error); }
  bool on_object_end(size_t /*count*/, json::error_code& error) { return Close(error); }
  bool on_array_begin(json::error_code& error) { return Open(Node::Kind::kList, error); }
  bool on_array_end(size_t /*count*/, json::error_code& error) { return Close(error); }

  bool on_key_part(json::string_view text, size_t /*size*/, json::error_code& /*error*/) {
    text_.append(text.data(), text.size());
    return true;
  }
  bool on_key(json::string_view text, size_t /*size*/, json::error_code& error) {
    text_.append(text.data(), text.size());
    key_ = std::exchange(text_, {});
    const Node& map = open_.back();
    const std::string& path = tree.PathOf(map.position.line);
    const std::string where = path.empty() ? "it" : path;
    for (size_t i = 0; i < map.children.size(); i += 2) {
      if (map.children[i].text == key_) {
        return Refuse("a key stands twice in " + where, error);
      }
    }
    return true;
  }
  bool on_string_part(json::string_view text, size_t /*size*/, json::error_code& /*error*/) {
    text_.append(text.data(), text.size());
    return true;
  }
  bool on_string(json::string_view text, size_t /*size*/, json::error_code& error) {
    text_.append(text.data(), text.size());
    return AddScalar(std::exchange(text_, {}), /*quoted=*/true, error);
  }
  bool on_number_part(json::string_view text, json::error_code& /*error*/) {
    text_.append(text.data(), text.size());
    return true;
  }
  bool on_int64(int64_t /*value*/, json::string_view text, json::error_code& error) {
    return AddNumber(text, error);
  }
  bool on_uint64(uint64_t /*value*/, json::string_view text, json::error_code& error) {
    return AddNumber(text, error);
  }
  bool on_double(double /*value*/, json::string_view text, json::error_code& error) {
    return AddNumber(text, error);
  }
  bool on_bool(bool value, json::error_code& error) {
    return AddScalar(value ? "true" : "false", /*quoted=*/false, error);
  }
  bool on_null(json::error_code& error) { return Add(Node(), error); }
  bool on_comment_part(json::string_view /*text*/, json::error_code& /*error*/) { return true; }
  bool on_comment(json::string_view /*text*/, json::error_code& /*error*/) { return true; }

 private:
  bool Refuse(std::string why, json::error_code& error) {
    refusal = std::move(why);
    error = json::error::syntax;
    return false;
  }

  bool AddNumber(json::string_view text, json::error_code& error) {
    text_.append(text.data(), text.size());
    return AddScalar(std::exchange(text_, {}), /*quoted=*/false, error);
  }

  bool AddScalar(std::string text, bool quoted, json::error_code& error) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.quoted = quoted;
    node.text = std::move(text);
    return Add(std::move(node), error);
  }

  bool Open(Node::Kind kind, json::error_code& error) {
    Node node;
    node.kind = kind;
    return Begin(&node, error) && (open_.push_back(std::move(node)), true);
  }

  bool Close(json::error_code& /*error*/) {
    Node node = std::move(open_.back());
    open_.pop_back();
    key_ = std::move(keys_.back());
    keys_.pop_back();
    Attach(std::move(node));
    return true;
  }

  bool Add(Node node, json::error_code& error) {
    if (!Begin(&node, error)) {
      return false;
    }
    key_ = std::move(keys_.back());
    keys_.pop_back();
    Attach(std::move(node));
    return true;
  }

  // Gives it its place, and keeps the key that it belongs to until it is whole.
  bool Begin(Node* node, json::error_code& error) {
    if (tree.paths.size() >= kJsonNodesMax) {
      return Refuse("more than " + std::to_string(kJsonNodesMax) + " values", error);
    }
    std::string path;
    if (!open_.empty()) {
      const Node& parent = open_.back();
      path = tree.PathOf(parent.position.line);
      if (parent.kind == Node::Kind::kList) {
        path += "[" + std::to_string(parent.children.size()) + "]";
      } else {
        path += (path.empty() ? "" : ".") + EscapeForLog(key_, kShownKeyBytesMax);
      }
    }
    tree.paths.push_back(std::move(path));
    node->position = {.line = static_cast<int>(tree.paths.size()), .column = 1};
    keys_.push_back(std::exchange(key_, {}));
    return true;
  }

  void Attach(Node node) {
    if (open_.empty()) {
      tree.root = std::move(node);
      return;
    }
    Node& parent = open_.back();
    if (parent.kind == Node::Kind::kMap) {
      Node key;
      key.kind = Node::Kind::kScalar;
      key.quoted = true;
      key.position = parent.position;  // A key that is not known may be a piece of a secret.
      key.text = std::exchange(key_, {});
      parent.children.push_back(std::move(key));
    }
    parent.children.push_back(std::move(node));
  }

  std::vector<Node> open_;         // Containers that have not ended, outermost first.
  std::vector<std::string> keys_;  // What each of these, and the value being added, is called.
  std::string key_;                // Of the value that comes next.
  std::string text_;               // What there is so far of a string or a number.
};

}  // namespace

const std::string& JsonTree::PathOf(int line) const {
  static const std::string kNone;
  const auto index = static_cast<size_t>(line) - 1;
  return line < 1 || index >= paths.size() ? kNone : paths[index];
}

std::variant<JsonTree, std::string> ParseJson(std::string_view text) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::basic_parser<TreeBuilder> parser(options);
  json::error_code error;
  const size_t used = parser.write_some(false, text.data(), text.size(), error);
  TreeBuilder& builder = parser.handler();
  if (!error && View(json::string_view(text.data() + used, text.size() - used))
                        .find_first_not_of(" \t\r\n") != std::string_view::npos) {
    error = json::error::extra_data;
  }
  if (error) {
    return builder.refusal.empty() ? error.message() : builder.refusal;
  }
  return std::move(builder.tree);
}

}  // namespace mailhaul::config
