#include "engine/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <streambuf>
#include <utility>

#include "base/text.h"

namespace mailhaul::config {
namespace {

constexpr size_t kChunkBytes = 2048;

// Leaves yaml-cpp's parser from within an event; caught in this file.
struct Refusal {
  Position where;
  std::string message;
};

Position PositionOf(const YAML::Mark& mark) {
  return mark.is_null() ? Position{} : Position{mark.line + 1, mark.column + 1};
}

// Hands the text out in small chunks and ends it early if the parser reads on and on without
// reporting a node: the only way to bound the tokens it queues.
class MeteredInput final : public std::streambuf {
 public:
  explicit MeteredInput(std::string_view text) : text_(text) {}

  void NodeReported() { budget_ = kScanAheadBytesMax; }
  bool cut() const { return cut_; }

 protected:
  int_type underflow() override {
    if (text_.empty()) {
      return traits_type::eof();
    }
    if (budget_ == 0) {
      cut_ = true;
      return traits_type::eof();
    }
    const size_t size = std::min({text_.size(), kChunkBytes, budget_});
    std::copy_n(text_.begin(), size, chunk_);
    text_.remove_prefix(size);
    budget_ -= size;
    setg(chunk_, chunk_, chunk_ + size);
    return traits_type::to_int_type(chunk_[0]);
  }

 private:
  std::string_view text_;
  size_t budget_ = kScanAheadBytesMax;
  bool cut_ = false;
  char chunk_[kChunkBytes] = {};
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(MeteredInput& input) : input_(input) {}

  std::optional<Node>& root() { return root_; }
  Position last() const { return last_; }
  Position last_scalar() const { return last_scalar_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) {
      throw Refusal{PositionOf(mark), "expected the end of the file: it holds one document"};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node& node = Add(mark, "", anchor, Node::Kind::kNull);
    if (!open_.empty() && open_.back()->kind == Node::Kind::kMap) {
      // The scanner's mark of a missing value is that of whatever follows.
      const std::vector<Node>& siblings = open_.back()->children;
      node.position = siblings[siblings.size() - 2].position;
    }
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    throw Refusal{PositionOf(mark), "aliases (*name) are not allowed"};
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (value.size() > kScalarBytesMax) {
      throw Refusal{PositionOf(mark), "a value of more than 64 KiB"};
    }
    if (!IsValidUtf8(value)) {
      throw Refusal{PositionOf(mark), "an escape that is not a character"};
    }
    Node& node = Add(mark, tag, anchor, Node::Kind::kScalar);
    last_scalar_ = node.position;
    node.quoted = tag == "!";
    node.text = value;
    const bool is_key = !open_.empty() && open_.back()->kind == Node::Kind::kMap &&
                        open_.back()->children.size() % 2 == 1;
    if (is_key && !node.quoted && value == "<<") {
      throw Refusal{PositionOf(mark), "merge keys (<<) are not allowed"};
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    if (open_.size() >= kDepthMax) {
      throw Refusal{PositionOf(mark),
                    "nested more than " + std::to_string(kDepthMax) + " levels deep"};
    }
    open_.push_back(&Add(mark, tag, anchor, kind));
  }

  // Pointers in open_ stay valid: a list of children grows only while its last child is closed.
  Node& Add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    input_.NodeReported();
    last_ = PositionOf(mark);
    if (anchor != YAML::NullAnchor) {
      throw Refusal{last_, "anchors (&name) are not allowed"};
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw Refusal{last_, "tags (!name) are not allowed"};
    }
    if (++nodes_ > kNodesMax) {
      throw Refusal{last_, "more than " + std::to_string(kNodesMax) + " values"};
    }
    if (open_.empty()) {
      root_.emplace();
      return Fill(*root_, kind);
    }
    Node& parent = *open_.back();
    if (parent.kind == Node::Kind::kMap && parent.children.size() % 2 == 0 &&
        kind != Node::Kind::kScalar) {
      throw Refusal{last_, "a key must be plain text"};
    }
    return Fill(parent.children.emplace_back(), kind);
  }

  Node& Fill(Node& node, Node::Kind kind) const {
    node.kind = kind;
    node.position = last_;
    return node;
  }

  MeteredInput& input_;
  std::optional<Node> root_;
  std::vector<Node*> open_;
  Position last_;
  Position last_scalar_;
  size_t nodes_ = 0;
  size_t documents_ = 0;
};

// yaml-cpp takes 0x04 for the end of the file and guesses UTF-16 and UTF-32 from zero bytes, so
// what must not occur in a text file is refused before it looks.
std::optional<Refusal> FindForbiddenByte(std::string_view text) {
  Position at{1, 1};
  for (size_t i = 0; i < text.size(); ++i, ++at.column) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') {
      at = {at.line + 1, 0};
    } else if (byte == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) {
      return Refusal{at, "a carriage return that does not end a line"};
    } else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7F) {
      return Refusal{at, "a control character; the file must be plain UTF-8 text"};
    }
  }
  return std::nullopt;
}

// Line and column of the first byte that is not UTF-8.
std::optional<Refusal> FindBadUtf8(std::string_view text) {
  if (IsValidUtf8(text)) {
    return std::nullopt;
  }
  Position at{1, 1};
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!IsValidUtf8(line)) {
      const std::string mended = ToValidUtf8(line);
      const auto good = std::mismatch(line.begin(), line.end(), mended.begin(), mended.end()).first;
      return Refusal{{at.line, static_cast<int>(good - line.begin()) + 1}, "not UTF-8"};
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++at.line;
  }
  return std::nullopt;
}

// The line in which the quote ends that the scalar at `position` opens, 0 if it never does:
// yaml-cpp lets the end of the file after a line break close it. Nothing if it opens none.
std::optional<int> EndOfQuote(std::string_view text, Position position) {
  for (int line = 1; line < position.line; ++line) {
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  }
  text.remove_prefix(std::min(text.size(), static_cast<size_t>(std::max(position.column - 1, 0))));
  text.remove_prefix(std::min(text.size(), text.find_first_not_of("! \t\r\n")));
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) {
    return std::nullopt;
  }
  const char quote = text.front();
  for (size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) {
        const std::string_view within = text.substr(0, i);
        return position.line + static_cast<int>(std::count(within.begin(), within.end(), '\n'));
      }
      ++i;
    }
  }
  return 0;
}

// What is not YAML behind a quote over several lines was hardly meant to be one.
Refusal OfMissingQuote(std::string_view text, Position quote, Refusal refusal) {
  const std::optional<int> end = EndOfQuote(text, quote);
  if (!end || *end == quote.line) {
    return refusal;
  }
  const std::string where = *end == 0 ? "never ends" : "ends in line " + std::to_string(*end);
  return Refusal{quote, "not YAML: the quote that opens here " + where +
                            "; is there one missing in this line?"};
}

// What yaml-cpp says after ": " may quote the file, which may hold passwords.
std::string WithoutQuotation(const std::string& message) {
  return "not YAML: " + message.substr(0, message.find(": "));
}

std::optional<Refusal> Build(std::string_view text, std::optional<Node>& root) {
  MeteredInput input(text);
  std::istream stream(&input);
  TreeBuilder builder(input);
  std::optional<Refusal> refusal;
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refused) {
    refusal = refused;
  } catch (const YAML::Exception& exception) {
    refusal = OfMissingQuote(text, builder.last_scalar(),
                             Refusal{PositionOf(exception.mark), WithoutQuotation(exception.msg)});
  } catch (const std::exception&) {
    refusal = Refusal{builder.last(), "not YAML: the parser failed"};
  }
  if (input.cut()) {
    return Refusal{builder.last(), "more than 1 MiB in one bracket, value or comment from here"};
  }
  if (!refusal && EndOfQuote(text, builder.last_scalar()) == 0) {
    return Refusal{builder.last_scalar(), "not YAML: a quote that is never closed"};
  }
  root = std::move(builder.root());
  return refusal;
}

}  // namespace

std::optional<Node> ParseYaml(std::string_view text, Report& report) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  std::optional<Node> root;
  std::optional<Refusal> refusal;
  if (text.size() > kFileBytesMax) {
    refusal = Refusal{{}, "larger than 16 MiB"};
  }
  if (!refusal) {
    refusal = FindForbiddenByte(text);
  }
  if (!refusal) {
    refusal = FindBadUtf8(text);
  }
  if (!refusal) {
    refusal = Build(text, root);
  }
  if (!refusal && !root) {
    refusal = Refusal{{}, "the file is empty"};
  }
  if (refusal) {
    report.Error(refusal->where, std::move(refusal->message));
    return std::nullopt;
  }
  return root;
}

}  // namespace mailhaul::config
