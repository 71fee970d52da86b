// The MIME structure of a message (RFC 2046) from one linear pass: where each part's header and
// body lie, with every limit kept while counting, so that nothing grows with what the sender made.
//
// Bodies are looked at only for boundary lines and, in base64, counted; not at all outside a
// multipart. A part of type message/rfc822 is a leaf: its inner structure is a message of its own.
// Header values are parsed by GMime (gmime_values.h).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/result.h"
#include "engine/mime/gmime_values.h"

namespace mailhaul::mime {

inline constexpr size_t kHeaderFieldsMax = 50'000;  // All header blocks together.
// RFC 2046 allows 70; longer boundaries up to this are followed, beyond it they mark nothing.
inline constexpr size_t kBoundaryBytesMax = 1000;
// Lines of "--", and their comparisons with open boundaries, per message.
inline constexpr size_t kBoundaryChecksMax = 10'000'000;
inline constexpr uint32_t kNoPart = std::numeric_limits<uint32_t>::max();

enum class TransferEncoding : uint8_t { kIdentity, kBase64, kQuotedPrintable, kUuencode };

struct Part {
  uint32_t parent = kNoPart;
  uint32_t index = 0;     // Among its parent's children.
  uint32_t children = 0;  // Not 0 only for a multipart.
  uint32_t fields_begin = 0;
  uint32_t fields_end = 0;
  uint64_t body_begin = 0;  // Offsets in the message.
  uint64_t body_end = 0;
  ContentType type;
  TransferEncoding encoding = TransferEncoding::kIdentity;
  // Of a body in base64 that the scan went through: CountBase64Digits() of it.
  std::optional<uint64_t> base64_digits;
};

class Structure final {
 public:
  // In MIME order, the message itself first. Never empty after a scan.
  const std::vector<Part>& parts() const { return parts_; }
  // Not empty: the limit that ended the scan. Parts seen until then are there.
  const std::string& over_limit() const { return over_limit_; }
  size_t FieldCount(const Part& part) const { return part.fields_end - part.fields_begin; }
  // The raw value of the first field `name`, folds included; empty when absent.
  std::string_view FieldValue(const Part& part, std::string_view name) const;
  // Field number `i` of the part, 0 <= i < FieldCount(part).
  std::string_view FieldName(const Part& part, size_t i) const;
  std::string_view FieldValueAt(const Part& part, size_t i) const;

 private:
  friend class StructureScanner;
  struct Field {  // Ranges of header_text_.
    uint32_t name_begin;
    uint32_t name_size;
    uint32_t value_begin;
    uint32_t value_end;
  };
  std::string header_text_;  // All header blocks, at most kHeaderBytesMax and one chunk.
  std::vector<Field> fields_;
  std::vector<Part> parts_;
  std::string over_limit_;
};

// Takes the bytes of one message in pieces of any size.
class StructureScanner final {
 public:
  StructureScanner();
  // False once the rest of the message cannot change the structure: feed no more.
  bool Feed(std::string_view bytes);
  // `size` is that of the whole message, fed or not. Call once.
  Structure Finish(uint64_t size);
  // Memory that it takes, about: up to 7 MiB for a message made for that.
  size_t held_bytes() const;

 private:
  struct OpenMultipart {
    std::string boundary;
    uint32_t part;
    uint32_t children;
  };
  struct Match {
    size_t level;
    bool is_end;
  };
  bool done() const { return !structure_.over_limit_.empty() || (!in_header_ && open_.empty()); }
  size_t FeedHeader(std::string_view bytes);
  size_t FeedBody(std::string_view bytes);
  size_t FeedDashLine(std::string_view bytes);
  void EndHeaderLine(uint64_t line_begin, uint64_t line_end);
  void AddField(size_t begin, size_t end);
  void BeginPart(uint32_t parent, uint32_t index);
  void EndHeader(uint64_t body_begin);
  void OpenBoundary(std::string_view boundary, uint32_t part);
  bool FindBoundary(std::string_view line, Match& match);
  void TakeBoundary(const Match& match, uint64_t line_end, uint32_t eol_size);
  void ClosePartsAbove(size_t level);
  void CountDigits(std::string_view body);
  void Exceed(std::string_view what, size_t limit);

  Structure structure_;
  std::vector<OpenMultipart> open_;  // Outermost first; at most kDepthMax.
  uint64_t boundary_lengths_ = 0;    // Bit (size % 64) of every boundary ever opened.
  size_t boundary_checks_ = 0;
  uint64_t offset_ = 0;  // Of the next byte to consume.
  char last_byte_ = 0;   // The byte before offset_.

  bool in_header_ = true;
  size_t header_line_begin_ = 0;  // In header_text_.
  bool continues_field_ = false;  // A folded line would belong to the last field.

  uint32_t open_leaf_ = kNoPart;
  std::optional<uint64_t> digits_;  // Of the open leaf, so far.
  bool at_line_start_ = false;  // In a body: line_ holds the line's first bytes, all dashes so far.
  std::string line_;
  uint64_t line_begin_ = 0;
  uint32_t eol_before_line_ = 0;  // Bytes of the line end before it, which belong to a boundary.
};

// Reads `source` as far as needed. Fails only when reading fails.
Result<Structure> ScanStructure(const ByteSource& source);

}  // namespace mailhaul::mime
