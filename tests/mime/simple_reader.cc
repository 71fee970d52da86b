#include "tests/mime/simple_reader.h"

#include <algorithm>

namespace mailhaul::mime {
namespace {

constexpr size_t kLineBytesMax = 998;

std::string BoundaryOf(std::string_view type) {
  constexpr std::string_view kMark = "boundary=\"";
  const size_t mark = type.find(kMark);
  if (mark == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = type.substr(mark + kMark.size());
  return std::string(rest.substr(0, rest.find('"')));
}

void ReadParts(std::string_view body, const std::string& boundary, SimplePart& part) {
  const std::string mark = "\r\n--" + boundary;
  const std::string text = "\r\n" + std::string(body);
  size_t at = text.find(mark);
  while (at != std::string::npos) {
    const size_t begin = at + mark.size();
    if (text.compare(begin, 2, "--") == 0) {
      return;
    }
    at = text.find(mark, begin);
    part.parts.push_back(ReadSimply(std::string_view(text).substr(begin + 2, at - begin - 2)));
  }
  part.fields.emplace_back("malformed", "a multipart without an end");
}

void AddLeaves(const SimplePart& part, std::vector<const SimplePart*>& leaves) {
  if (part.parts.empty()) {
    leaves.push_back(&part);
  }
  for (const SimplePart& child : part.parts) {
    AddLeaves(child, leaves);
  }
}

}  // namespace

std::string SimplePart::Value(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const auto& field) { return field.first == name; });
  return found == fields.end() ? std::string() : found->second;
}

std::vector<std::string> SimplePart::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : fields) {
    names.push_back(name);
  }
  return names;
}

std::vector<const SimplePart*> SimplePart::Leaves() const {
  std::vector<const SimplePart*> leaves;
  AddLeaves(*this, leaves);
  return leaves;
}

SimplePart ReadSimply(std::string_view bytes) {
  SimplePart part;
  while (!bytes.empty() && !bytes.starts_with("\r\n")) {
    const size_t end = std::min(bytes.find("\r\n"), bytes.size());
    const std::string_view line = bytes.substr(0, end);
    const size_t colon = line.find(':');
    if ((line.front() == ' ' || line.front() == '\t') && !part.fields.empty()) {
      part.fields.back().second += line;
    } else if (colon != std::string_view::npos) {
      part.fields.emplace_back(line.substr(0, colon), line.substr(colon + 1));
    } else {
      part.fields.emplace_back("malformed", line);
    }
    bytes.remove_prefix(std::min(end + 2, bytes.size()));
  }
  bytes.remove_prefix(std::min<size_t>(2, bytes.size()));
  const std::string boundary = BoundaryOf(part.Value("Content-Type"));
  if (boundary.empty()) {
    part.body = bytes;
  } else {
    ReadParts(bytes, boundary, part);
  }
  return part;
}

std::string WireFault(std::string_view bytes) {
  bool in_header = true;
  while (!bytes.empty()) {
    const size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) {
      return "the last line has no end";
    }
    const std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    in_header = in_header && !line.empty();
    if (line.size() > kLineBytesMax) {
      return "a line of " + std::to_string(line.size()) + " bytes";
    }
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte == '\r' || byte == '\n' || byte == 0 || byte >= 0x80 ||
          (in_header && byte < 0x20 && byte != '\t')) {
        return "the byte " + std::to_string(byte) + " in: " + std::string(line.substr(0, 100));
      }
    }
  }
  return {};
}

}  // namespace mailhaul::mime
