#include "engine/mime/structure.h"

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "engine/mime/byte_scan.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;
constexpr size_t kDashLineBytesMax = kBoundaryBytesMax + 64;  // "--", "--" and white space.

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

std::string_view WithoutLineEnd(std::string_view line) {
  if (!line.empty() && line.back() == '\n') {
    line.remove_suffix(1);
  }
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  return line;
}

std::string_view WithoutTrailingBlanks(std::string_view text) {
  while (!text.empty() && (IsBlank(text.back()) || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

uint64_t LengthBit(size_t size) { return uint64_t{1} << (size % 64); }

TransferEncoding EncodingFromName(std::string_view raw) {
  while (!raw.empty() && (IsBlank(raw.front()) || raw.front() == '\r' || raw.front() == '\n')) {
    raw.remove_prefix(1);
  }
  if (StartsWithIgnoreCase(raw, "base64")) {
    return TransferEncoding::kBase64;
  }
  if (StartsWithIgnoreCase(raw, "quoted-printable")) {
    return TransferEncoding::kQuotedPrintable;
  }
  if (StartsWithIgnoreCase(raw, "x-uue") || StartsWithIgnoreCase(raw, "uue")) {
    return TransferEncoding::kUuencode;
  }
  return TransferEncoding::kIdentity;
}

}  // namespace

std::string_view Structure::FieldName(const Part& part, size_t i) const {
  const Field& field = fields_[part.fields_begin + i];
  return std::string_view(header_text_).substr(field.name_begin, field.name_size);
}

std::string_view Structure::FieldValueAt(const Part& part, size_t i) const {
  const Field& field = fields_[part.fields_begin + i];
  return std::string_view(header_text_)
      .substr(field.value_begin, field.value_end - field.value_begin);
}

std::string_view Structure::FieldValue(const Part& part, std::string_view name) const {
  for (size_t i = 0; i < FieldCount(part); ++i) {
    if (EqualsIgnoreCase(FieldName(part, i), name)) {
      return FieldValueAt(part, i);
    }
  }
  return {};
}

StructureScanner::StructureScanner() { BeginPart(kNoPart, 0); }

bool StructureScanner::Feed(std::string_view bytes) {
  while (!bytes.empty() && !done()) {
    const size_t used = in_header_ ? FeedHeader(bytes) : FeedBody(bytes);
    if (used > 0) {
      last_byte_ = bytes[used - 1];
      bytes.remove_prefix(used);
    }
  }
  return !done();
}

Structure StructureScanner::Finish(uint64_t size) {
  if (structure_.over_limit_.empty()) {
    if (in_header_) {
      if (structure_.header_text_.size() > header_line_begin_) {
        EndHeaderLine(size - (structure_.header_text_.size() - header_line_begin_), size);
      }
      if (in_header_) {
        EndHeader(size);
      }
    } else if (at_line_start_ && line_.size() >= 2) {
      Match match{};
      if (FindBoundary(line_, match)) {
        ClosePartsAbove(match.level);
        open_.resize(match.level);
      } else {
        CountDigits(line_);
      }
    } else {
      CountDigits(line_);
    }
    line_begin_ = size;
    eol_before_line_ = 0;
    ClosePartsAbove(0);
    structure_.parts_.front().body_end = size;
  }
  return std::move(structure_);
}

// Consumes to the end of the line, or all.
size_t StructureScanner::FeedHeader(std::string_view bytes) {
  const size_t newline = bytes.find('\n');
  const size_t used = newline == std::string_view::npos ? bytes.size() : newline + 1;
  std::string& text = structure_.header_text_;
  if (text.size() + used > kHeaderBytesMax) {
    Exceed("header bytes", kHeaderBytesMax);
    return used;
  }
  const uint64_t line_begin = offset_ - (text.size() - header_line_begin_);
  text.append(bytes.substr(0, used));
  offset_ += used;
  if (newline != std::string_view::npos) {
    EndHeaderLine(line_begin, offset_);
  }
  return used;
}

void StructureScanner::EndHeaderLine(uint64_t line_begin, uint64_t line_end) {
  std::string& text = structure_.header_text_;
  const std::string_view raw = std::string_view(text).substr(header_line_begin_);
  const std::string_view line = WithoutLineEnd(raw);
  Match match{};
  if (line.empty()) {
    text.resize(header_line_begin_);
    EndHeader(line_end);
  } else if (line.starts_with("--") && FindBoundary(line, match)) {
    const auto eol_size = static_cast<uint32_t>(raw.size() - line.size());
    text.resize(header_line_begin_);
    EndHeader(line_begin);
    if (structure_.over_limit_.empty()) {
      TakeBoundary(match, line_end, eol_size);
    }
  } else if (IsBlank(line.front()) && continues_field_) {
    structure_.fields_.back().value_end = static_cast<uint32_t>(text.size());
  } else {
    AddField(header_line_begin_, text.size());
  }
  header_line_begin_ = text.size();
}

// Lines that are no field (mbox "From ", text where a header should be) are passed over.
void StructureScanner::AddField(size_t begin, size_t end) {
  const std::string_view line =
      std::string_view(structure_.header_text_).substr(begin, end - begin);
  size_t name_size = 0;
  while (name_size < line.size() && line[name_size] > ' ' && line[name_size] < 0x7F &&
         line[name_size] != ':') {
    ++name_size;
  }
  size_t colon = name_size;
  while (colon < line.size() && IsBlank(line[colon])) {
    ++colon;
  }
  continues_field_ = name_size > 0 && colon < line.size() && line[colon] == ':';
  if (!continues_field_) {
    return;
  }
  if (structure_.fields_.size() >= kHeaderFieldsMax) {
    Exceed("header fields", kHeaderFieldsMax);
    return;
  }
  structure_.fields_.push_back({.name_begin = static_cast<uint32_t>(begin),
                                .name_size = static_cast<uint32_t>(name_size),
                                .value_begin = static_cast<uint32_t>(begin + colon + 1),
                                .value_end = static_cast<uint32_t>(end)});
  structure_.parts_.back().fields_end = static_cast<uint32_t>(structure_.fields_.size());
}

void StructureScanner::BeginPart(uint32_t parent, uint32_t index) {
  if (structure_.parts_.size() >= kPartsMax) {
    Exceed("parts", kPartsMax);
    return;
  }
  Part& part = structure_.parts_.emplace_back();
  part.parent = parent;
  part.index = index;
  part.fields_begin = static_cast<uint32_t>(structure_.fields_.size());
  part.fields_end = part.fields_begin;
  in_header_ = true;
  continues_field_ = false;
  header_line_begin_ = structure_.header_text_.size();
}

void StructureScanner::EndHeader(uint64_t body_begin) {
  const auto number = static_cast<uint32_t>(structure_.parts_.size() - 1);
  Part& part = structure_.parts_.back();
  part.body_begin = body_begin;
  part.body_end = body_begin;
  part.encoding = EncodingFromName(structure_.FieldValue(part, "Content-Transfer-Encoding"));
  const bool in_digest =
      part.parent != kNoPart && structure_.parts_[part.parent].type.Is("multipart", "digest");
  part.type = ParseContentType(structure_.FieldValue(part, "Content-Type"), in_digest);
  in_header_ = false;
  open_leaf_ = number;
  // Outside a multipart bodies are not looked at.
  const bool counts =
      part.encoding == TransferEncoding::kBase64 && !open_.empty() && part.type.type != "multipart";
  digits_ = counts ? std::optional<uint64_t>(0) : std::nullopt;
  at_line_start_ = true;
  line_.clear();
  line_begin_ = body_begin;
  eol_before_line_ = 0;
  if (part.type.type == "multipart") {
    OpenBoundary(part.type.boundary, number);
  }
}

void StructureScanner::OpenBoundary(std::string_view boundary, uint32_t part) {
  boundary = WithoutTrailingBlanks(boundary);
  if (boundary.empty() || boundary.size() > kBoundaryBytesMax) {
    return;
  }
  if (open_.size() >= kDepthMax) {
    Exceed("nested multiparts", kDepthMax);
    return;
  }
  open_.push_back({.boundary = std::string(boundary), .part = part, .children = 0});
  boundary_lengths_ |= LengthBit(boundary.size());
}

// At or after the start of a line: collects a line of dashes, or searches the next one.
size_t StructureScanner::FeedBody(std::string_view bytes) {
  if (at_line_start_) {
    return FeedDashLine(bytes);
  }
  const size_t found = FindDashLine(bytes);
  CountDigits(bytes.substr(0, found));
  if (found == std::string_view::npos) {
    offset_ += bytes.size();
    return bytes.size();
  }
  const char before = found >= 2 ? bytes[found - 2] : last_byte_;
  at_line_start_ = true;
  offset_ += found;
  line_begin_ = offset_;
  eol_before_line_ = before == '\r' ? 2 : 1;
  return found;
}

size_t StructureScanner::FeedDashLine(std::string_view bytes) {
  size_t used = 0;
  while (line_.size() < 2 && used < bytes.size() && bytes[used] == '-') {
    line_.push_back(bytes[used++]);
  }
  const size_t newline = bytes.find('\n', used);
  const size_t end = std::min(newline, bytes.size());
  const bool is_dash_line = line_.size() >= 2 && line_.size() + end - used <= kDashLineBytesMax;
  if (used == bytes.size() || (is_dash_line && newline == std::string_view::npos)) {
    line_.append(bytes.substr(used));
    offset_ += bytes.size();
    return bytes.size();
  }
  at_line_start_ = false;
  if (is_dash_line) {
    line_.append(bytes.substr(used, newline - used));
    used = newline + 1;
  }
  offset_ += used;
  Match match{};
  if (is_dash_line && FindBoundary(line_, match)) {
    TakeBoundary(match, offset_, line_.back() == '\r' ? 2 : 1);
  } else {
    CountDigits(line_);
    if (is_dash_line) {
      at_line_start_ = true;
      line_begin_ = offset_;
      eol_before_line_ = line_.back() == '\r' ? 2 : 1;
    }
  }
  line_.clear();
  return used;
}

// Innermost first: of two equal boundaries the inner one is meant.
bool StructureScanner::FindBoundary(std::string_view line, Match& match) {
  line = WithoutTrailingBlanks(line).substr(2);
  const bool may_end = line.size() > 2 && line.ends_with("--");
  const uint64_t lengths = LengthBit(line.size()) | (may_end ? LengthBit(line.size() - 2) : 0);
  const bool may_match = (boundary_lengths_ & lengths) != 0;
  boundary_checks_ += may_match ? open_.size() : 1;
  if (boundary_checks_ > kBoundaryChecksMax) {
    Exceed("lines that look like boundaries", kBoundaryChecksMax);
    return false;
  }
  for (size_t level = may_match ? open_.size() : 0; level-- > 0;) {
    const std::string_view boundary = open_[level].boundary;
    if (may_end && line.substr(0, line.size() - 2) == boundary) {
      match = {.level = level, .is_end = true};
      return true;
    }
    if (line == boundary) {
      match = {.level = level, .is_end = false};
      return true;
    }
  }
  return false;
}

void StructureScanner::TakeBoundary(const Match& match, uint64_t line_end, uint32_t eol_size) {
  ClosePartsAbove(match.level);
  if (match.is_end) {
    open_.resize(match.level);
    at_line_start_ = true;
    line_begin_ = line_end;
    eol_before_line_ = eol_size;
    return;
  }
  OpenMultipart& multipart = open_[match.level];
  const uint32_t index = multipart.children++;
  const uint32_t parent = multipart.part;
  open_.resize(match.level + 1);
  BeginPart(parent, index);
  if (structure_.over_limit_.empty()) {
    structure_.parts_[parent].children = index + 1;
  }
}

// The open leaf and the multiparts inside level `level` end before the current line.
void StructureScanner::ClosePartsAbove(size_t level) {
  const uint64_t end = line_begin_ - eol_before_line_;
  const auto close = [&](uint32_t number) {
    Part& part = structure_.parts_[number];
    part.body_end = std::max(part.body_begin, end);
  };
  if (open_leaf_ != kNoPart) {
    close(open_leaf_);
    structure_.parts_[open_leaf_].base64_digits = digits_;
  }
  digits_.reset();
  open_leaf_ = kNoPart;
  for (size_t i = level; i < open_.size(); ++i) {
    close(open_[i].part);
  }
}

size_t StructureScanner::held_bytes() const {
  // What is kept of types and names comes from the headers.
  return structure_.header_text_.capacity() + structure_.header_text_.size() +
         structure_.fields_.capacity() * sizeof(Structure::Field) +
         structure_.parts_.capacity() * sizeof(Part);
}

void StructureScanner::CountDigits(std::string_view body) {
  if (digits_) {
    *digits_ += CountBase64Digits(body);
  }
}

void StructureScanner::Exceed(std::string_view what, size_t limit) {
  structure_.over_limit_ = "more than " + std::to_string(limit) + " " + std::string(what);
}

Result<Structure> ScanStructure(const ByteSource& source) {
  StructureScanner scanner;
  const std::string_view all = source.Contiguous();
  if (!all.empty()) {
    scanner.Feed(all);
    return scanner.Finish(all.size());
  }
  std::string chunk(std::min<uint64_t>(kChunkBytes, source.size()), '\0');
  for (uint64_t offset = 0; offset < source.size();) {
    MH_ASSIGN_OR_RETURN(const size_t count, source.ReadAt(offset, chunk));
    if (count == 0 || !scanner.Feed(std::string_view(chunk).substr(0, count))) {
      break;
    }
    offset += count;
  }
  return scanner.Finish(source.size());
}

}  // namespace mailhaul::mime
