#include "engine/mime/text_extract.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "engine/mime/charset.h"
#include "engine/mime/html_text.h"
#include "engine/mime/transfer_encoding.h"

namespace mailhaul::mime {
namespace {

// Text is decoded in steps until it gives a full preview: a page may begin with its style sheet.
constexpr size_t kPreviewStepBytes = 1536;
constexpr size_t kPreviewStepBytesMax = 64 * 1024;
constexpr size_t kPreviewStepFactor = 6;

// No space, no mark: newsletters pad their previews with them.
constexpr std::array<std::string_view, 7> kInvisible = {"\u200B", "\u200C", "\u200D", "\u2060",
                                                        "\uFEFF", "\u00AD", "\u034F"};
constexpr std::array<std::string_view, 2> kWideSpaces = {"\u00A0", "\u3000"};

bool IsSpace(char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F; }

bool IsBlankText(std::string_view text) { return std::all_of(text.begin(), text.end(), IsSpace); }

// The body in UTF-8, from its first `bytes_max` decoded bytes. Empty when it cannot be read.
std::string ReadBody(const ByteSource& raw, const Part& part, size_t bytes_max) {
  const Result<std::string> decoded = DecodeBody(raw, part, bytes_max);
  if (!decoded.ok()) {
    return {};
  }
  return ToUtf8(*decoded, part.type.charset, decoded->size() == bytes_max);
}

std::string WithUnixLines(std::string_view text) {
  std::string lines;
  lines.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_crlf = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (!is_crlf) {
      lines.push_back(text[i] == '\r' ? '\n' : text[i]);
    }
  }
  return lines;
}

// White space, or nothing visible, at the front of `text`; 0 when a word starts there.
size_t SpaceBytes(std::string_view text, bool& is_space) {
  is_space = IsSpace(text.front());
  if (is_space) {
    return 1;
  }
  if (static_cast<unsigned char>(text.front()) < 0xC2) {
    return 0;
  }
  for (const std::string_view wide : kWideSpaces) {
    if (text.starts_with(wide)) {
      is_space = true;
      return wide.size();
    }
  }
  for (const std::string_view invisible : kInvisible) {
    if (text.starts_with(invisible)) {
      return invisible.size();
    }
  }
  return 0;
}

std::string FoldSpace(std::string_view text, size_t bytes_max) {
  std::string folded;
  bool pending = false;
  while (!text.empty() && folded.size() <= bytes_max) {
    bool is_space = false;
    const size_t skipped = SpaceBytes(text, is_space);
    if (skipped > 0) {
      pending = pending || is_space;
      text.remove_prefix(skipped);
      continue;
    }
    if (pending && !folded.empty()) {
      folded.push_back(' ');
    }
    pending = false;
    folded.push_back(text.front());
    text.remove_prefix(1);
  }
  std::string_view cut = Utf8Prefix(folded, bytes_max);
  while (!cut.empty() && cut.back() == ' ') {
    cut.remove_suffix(1);
  }
  return std::string(cut);
}

std::string PreviewOf(const ByteSource& raw, const Part& part) {
  const bool is_html = part.type.subtype == "html";
  std::string preview;
  for (size_t step = kPreviewStepBytes; step <= kPreviewStepBytesMax; step *= kPreviewStepFactor) {
    const std::string body = ReadBody(raw, part, step);
    preview = FoldSpace(is_html ? HtmlToText(body, step) : body, kPreviewBytesMax);
    const bool is_whole = part.body_end - part.body_begin <= step;
    const bool is_full = preview.size() + 4 > kPreviewBytesMax;
    if (is_whole || is_full) {
      break;
    }
  }
  return preview;
}

// Quote depth and text of one flowed line.
struct FlowedLine {
  size_t quotes;
  std::string_view text;
};

FlowedLine SplitFlowed(std::string_view line) {
  const size_t quotes = std::min(line.find_first_not_of('>'), line.size());
  line.remove_prefix(quotes);
  if (line.starts_with(' ')) {
    line.remove_prefix(1);  // Space-stuffing.
  }
  return {.quotes = quotes, .text = line};
}

}  // namespace

std::string Unflow(std::string_view text, bool deletes_spaces) {
  std::string whole;
  whole.reserve(text.size());
  size_t open_quotes = 0;
  bool is_open = false;  // The last line ended in a soft break.
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    FlowedLine line = SplitFlowed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const bool is_signature = line.text == "-- ";
    if (is_open && (line.quotes != open_quotes || is_signature)) {
      whole.push_back('\n');
      is_open = false;
    }
    if (!is_open && line.quotes > 0) {
      whole.append(line.quotes, '>').push_back(' ');
    }
    is_open = line.text.ends_with(' ') && !is_signature;
    open_quotes = line.quotes;
    if (is_open && deletes_spaces) {
      line.text.remove_suffix(1);
    }
    whole += line.text;
    if (!is_open) {
      whole.push_back('\n');
    }
  }
  return whole;
}

std::string TextOf(const ByteSource& raw, const Part& part, size_t bytes_max) {
  const std::string body = ReadBody(raw, part, bytes_max);
  if (part.type.subtype == "html") {
    return HtmlToText(body, bytes_max);
  }
  std::string text = WithUnixLines(body);
  return part.type.is_flowed ? Unflow(text, part.type.deletes_spaces) : text;
}

std::string MakePreview(const ByteSource& raw, const Structure& structure,
                        const BodySelection& selection) {
  for (const uint32_t number : selection.texts) {
    std::string preview = PreviewOf(raw, structure.parts()[number]);
    if (!preview.empty()) {
      return preview;
    }
  }
  return selection.html == kNoPart ? std::string()
                                   : PreviewOf(raw, structure.parts()[selection.html]);
}

MessageText ExtractText(const ByteSource& raw, const Structure& structure,
                        const BodySelection& selection, size_t bytes_max) {
  MessageText result;
  for (const uint32_t number : selection.texts) {
    if (result.text.size() >= bytes_max) {
      break;
    }
    if (!result.text.empty() && result.text.back() != '\n') {
      result.text.push_back('\n');
    }
    result.text += TextOf(raw, structure.parts()[number], bytes_max);
  }
  if (selection.html != kNoPart) {
    const Part& part = structure.parts()[selection.html];
    if (IsBlankText(result.text)) {
      result.text = TextOf(raw, part, bytes_max);
    }
    result.html = Utf8Prefix(ReadBody(raw, part, bytes_max), bytes_max);
  }
  result.text = std::string(Utf8Prefix(result.text, bytes_max));
  return result;
}

}  // namespace mailhaul::mime
