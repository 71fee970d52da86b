// Comma-separated values (RFC 4180) as rows of cells with positions.
//
// Quotes, doubled quotes and line breaks within them, CRLF or LF, a byte order mark, no line break
// at the end: all of it as spreadsheets write it. Empty lines are skipped. Memory: one row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/config/report.h"

namespace mailhaul::config {

inline constexpr size_t kCsvColumnsMax = 64;
inline constexpr size_t kCsvCellBytesMax = size_t{64} << 10;

struct CsvCell {
  Position position;  // Of its first byte, which may be a quote.
  std::string text;   // Without quotes; not checked otherwise.
};

class CsvReader final {
 public:
  // Both must outlive the reader. What RFC 4180 does not allow is reported, and ends the reading:
  // nothing after it can be trusted to be where it seems.
  CsvReader(std::string_view text, Report& report);

  // The next row, of at least one cell; false at the end. Reuses the memory of `row`.
  bool Next(std::vector<CsvCell>& row);

 private:
  bool Fail(Position where, std::string message);
  bool ReadCell(CsvCell& cell);
  bool ReadQuoted(CsvCell& cell);
  bool ReadPlain(CsvCell& cell);
  bool AtLineBreak() const;
  void SkipLineBreak();
  Position Here() const;

  const std::string_view text_;
  Report& report_;
  size_t at_ = 0;
  size_t line_start_ = 0;
  int line_ = 1;
  bool failed_ = false;
};

}  // namespace mailhaul::config
