#include "engine/mime/body_encoder.h"

#include <gmime/gmime.h>

#include <algorithm>

namespace mailhaul::mime {
namespace {

constexpr size_t kTextLineBytesMax = 76;
constexpr size_t kMessageLineBytesMax = 998;
constexpr size_t kPieceBytes = size_t{57} * 1024;

bool IsCleanLine(std::string_view line, size_t bytes_max) {
  const bool printable = std::all_of(line.begin(), line.end(),
                                     [](char c) { return (c >= ' ' && c < 0x7F) || c == '\t'; });
  return printable && line.size() <= bytes_max && line.substr(0, 4) != "--=_";
}

// Changed by mailbox files, and by servers that strip white space.
bool IsFragileLine(std::string_view line) {
  return line.substr(0, 5) == "From " ||
         (!line.empty() && (line.back() == ' ' || line.back() == '\t')) || line == ".";
}

template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void AppendWithCrlf(std::string_view text, std::string& out) {
  ForEachLine(text, [&out](std::string_view line) {
    out += line;
    out += "\r\n";
  });
}

void AppendHead(std::string_view encoding, std::string& out) {
  out += "Content-Transfer-Encoding: ";
  out += encoding;
  out += "\r\n\r\n";
}

void AppendEncoded(std::string_view bytes, GMimeContentEncoding encoding, std::string& out) {
  GMimeEncoding state;
  g_mime_encoding_init_encode(&state, encoding);
  std::string piece;
  bool last = false;
  while (!last) {
    const std::string_view given = bytes.substr(0, kPieceBytes);
    bytes.remove_prefix(given.size());
    last = bytes.empty();
    piece.resize(g_mime_encoding_outlen(&state, given.size()));
    piece.resize(last ? g_mime_encoding_flush(&state, given.data(), given.size(), piece.data())
                      : g_mime_encoding_step(&state, given.data(), given.size(), piece.data()));
    for (const char c : piece) {
      if (c == '\n') {
        out += '\r';
      }
      out += c;
    }
  }
  if (!out.ends_with("\r\n")) {
    out += "\r\n";
  }
}

}  // namespace

bool IsCleanText(std::string_view text) {
  bool clean = true;
  ForEachLine(text, [&clean](std::string_view line) {
    clean = clean && IsCleanLine(line, kTextLineBytesMax) && !IsFragileLine(line);
  });
  return clean;
}

bool IsCleanMessage(std::string_view bytes) {
  bool clean = true;
  ForEachLine(bytes, [&clean](std::string_view line) {
    line = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
    clean = clean && IsCleanLine(line, kMessageLineBytesMax);
  });
  return clean;
}

std::string WithPlainLineEnds(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      plain += text[i];
    } else if (text.substr(i + 1, 1) != "\n") {
      plain += '\n';
    }
  }
  return plain;
}

void AppendText(std::string_view text, std::string& out) {
  const std::string plain = WithPlainLineEnds(text);
  if (IsCleanText(plain)) {
    AppendHead("7bit", out);
    AppendWithCrlf(plain, out);
    return;
  }
  const auto beyond_ascii =
      std::count_if(plain.begin(), plain.end(), [](char c) { return (c & 0x80) != 0; });
  if (static_cast<size_t>(beyond_ascii) > plain.size() / 4) {
    std::string canonical;
    AppendWithCrlf(plain, canonical);
    AppendBase64(canonical, out);
    return;
  }
  AppendHead("quoted-printable", out);
  AppendEncoded(plain, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE, out);
}

void AppendBase64(std::string_view bytes, std::string& out) {
  AppendHead("base64", out);
  AppendEncoded(bytes, GMIME_CONTENT_ENCODING_BASE64, out);
}

void AppendCleanMessage(std::string_view bytes, std::string& out) {
  AppendHead("7bit", out);
  AppendWithCrlf(WithPlainLineEnds(bytes), out);
}

}  // namespace mailhaul::mime
