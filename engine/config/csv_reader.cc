#include "engine/config/csv_reader.h"

#include <algorithm>
#include <utility>

namespace mailhaul::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kUtf16Marks[] = {"\xFF\xFE", "\xFE\xFF"};

}  // namespace

CsvReader::CsvReader(std::string_view text, Report& report) : text_(text), report_(report) {
  if (text.starts_with(kByteOrderMark)) {
    at_ = line_start_ = kByteOrderMark.size();
  }
  for (const std::string_view mark : kUtf16Marks) {
    if (text.starts_with(mark)) {
      Fail({1, 1}, "the file is UTF-16; save it as CSV in UTF-8");
    }
  }
}

bool CsvReader::Fail(Position where, std::string message) {
  report_.Error(where, std::move(message));
  failed_ = true;
  return false;
}

Position CsvReader::Here() const { return {line_, static_cast<int>(at_ - line_start_) + 1}; }

bool CsvReader::AtLineBreak() const {
  return text_[at_] == '\n' || (text_[at_] == '\r' && text_.substr(at_).starts_with("\r\n"));
}

void CsvReader::SkipLineBreak() {
  at_ += text_[at_] == '\r' ? 2 : 1;
  line_start_ = at_;
  ++line_;
}

bool CsvReader::Next(std::vector<CsvCell>& row) {
  while (!failed_ && at_ < text_.size() && AtLineBreak()) {
    SkipLineBreak();
  }
  if (failed_ || at_ >= text_.size()) {
    return false;
  }
  size_t cells = 0;
  while (true) {
    if (cells == kCsvColumnsMax) {
      return Fail(Here(), "more than " + std::to_string(kCsvColumnsMax) + " values in one row");
    }
    if (cells == row.size()) {
      row.emplace_back();
    }
    if (!ReadCell(row[cells++])) {
      return false;
    }
    if (at_ >= text_.size()) {
      break;
    }
    if (text_[at_] != ',') {
      SkipLineBreak();  // ReadCell() ends at nothing else.
      break;
    }
    ++at_;
  }
  row.resize(cells);
  return true;
}

bool CsvReader::ReadCell(CsvCell& cell) {
  cell.position = Here();
  cell.text.clear();
  const bool quoted = at_ < text_.size() && text_[at_] == '"';
  if (!(quoted ? ReadQuoted(cell) : ReadPlain(cell))) {
    return false;
  }
  if (cell.text.size() > kCsvCellBytesMax) {
    return Fail(cell.position,
                "a value is longer than " + std::to_string(kCsvCellBytesMax) + " bytes");
  }
  return true;
}

bool CsvReader::ReadQuoted(CsvCell& cell) {
  ++at_;
  while (at_ < text_.size() && cell.text.size() <= kCsvCellBytesMax) {
    const char c = text_[at_++];
    if (c == '\n') {
      line_start_ = at_;
      ++line_;
    } else if (c == '"') {
      if (at_ >= text_.size() || text_[at_] == ',' || AtLineBreak()) {
        return true;
      }
      if (text_[at_] != '"') {
        return Fail(Here(),
                    "after the closing quote of a value comes a comma or the end of the line; a "
                    "quote within it is written twice");
      }
      ++at_;
    }
    cell.text += c;
  }
  return cell.text.size() > kCsvCellBytesMax ||  // ReadCell() says so.
         Fail(cell.position, "the value that begins here has no closing quote");
}

bool CsvReader::ReadPlain(CsvCell& cell) {
  const size_t end = std::min(text_.find_first_of(",\"\r\n", at_), text_.size());
  cell.text.assign(text_, at_, std::min(end - at_, kCsvCellBytesMax + 1));
  at_ = end;
  if (at_ >= text_.size() || text_[at_] == ',' || AtLineBreak()) {
    return true;
  }
  return Fail(Here(), text_[at_] == '"'
                          ? "a value with a quote in it stands in quotes as a whole, and the quote "
                            "within it is written twice"
                          : "a carriage return without a line feed");
}

}  // namespace mailhaul::config
