// CSV as RFC 4180 and spreadsheets have it.
#include "engine/config/csv_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/config/fake_references.h"

namespace mailhaul::config {
namespace {

// Each cell as "line:column=text|", each row in a line; then the problems.
std::string Read(std::string_view text) {
  Report report("t", false);
  CsvReader reader(text, report);
  std::string shown;
  std::vector<CsvCell> row;
  while (reader.Next(row)) {
    for (const CsvCell& cell : row) {
      shown += std::to_string(cell.position.line) + ":" + std::to_string(cell.position.column) +
               "=" + cell.text + "|";
    }
    shown += "\n";
  }
  EXPECT_FALSE(reader.Next(row)) << "the end is for good";
  return shown + Shown(report);
}

TEST(CsvReaderTest, ReadsCellsWithTheirPositions) {
  EXPECT_EQ(Read("a,bc,d\ne,,f\n"), "1:1=a|1:3=bc|1:6=d|\n2:1=e|2:3=|2:4=f|\n");
}

TEST(CsvReaderTest, TheLastLineBreakIsOptional) {
  EXPECT_EQ(Read("a\nb"), "1:1=a|\n2:1=b|\n");
  EXPECT_EQ(Read("a,"), "1:1=a|1:3=|\n");
  EXPECT_EQ(Read(""), "");
}

TEST(CsvReaderTest, TakesCrlfAndSkipsEmptyLines) {
  EXPECT_EQ(Read("a,b\r\n\r\n\nc,d\r\n"), "1:1=a|1:3=b|\n4:1=c|4:3=d|\n");
}

TEST(CsvReaderTest, TheByteOrderMarkIsNoPartOfTheFirstCell) {
  EXPECT_EQ(Read("\xEF\xBB\xBF"
                 "id,b\n"),
            "1:1=id|1:4=b|\n");
}

TEST(CsvReaderTest, QuotedCellsMayHoldCommasQuotesAndLineBreaks) {
  EXPECT_EQ(Read("\"a,b\",\"say \"\"hi\"\"\",\"\"\n"), "1:1=a,b|1:7=say \"hi\"|1:20=|\n");
  EXPECT_EQ(Read("\"a\r\nb\",c\nd,e\n"), "1:1=a\r\nb|2:4=c|\n3:1=d|3:3=e|\n");
}

TEST(CsvReaderTest, SpacesBelongToTheValue) { EXPECT_EQ(Read(" a , b\n"), "1:1= a |1:5= b|\n"); }

TEST(CsvReaderTest, WhatIsNotCsvEndsTheReading) {
  EXPECT_EQ(Read("a\nb,\"c\nd\n"),
            "1:1=a|\nt:2:3: the value that begins here has no closing quote\n");
  EXPECT_EQ(Read("\"a\"b\nc\n"),
            "t:1:4: after the closing quote of a value comes a comma or the end of the line; a "
            "quote within it is written twice\n");
  EXPECT_EQ(Read("a,b\"c\"\nd\n"),
            "t:1:4: a value with a quote in it stands in quotes as a whole, and the quote within "
            "it is written twice\n");
  EXPECT_EQ(Read("a\rb\n"), "t:1:2: a carriage return without a line feed\n");
  EXPECT_EQ(Read(std::string("\xFF\xFEi\0d\0", 6)),
            "t:1:1: the file is UTF-16; save it as CSV in UTF-8\n");
}

TEST(CsvReaderTest, CellsAndRowsAreBounded) {
  const std::string fits(kCsvCellBytesMax, 'x');
  EXPECT_EQ(Read(fits + "\n"), "1:1=" + fits + "|\n");
  EXPECT_EQ(Read("\"" + fits + "\"\n"), "1:1=" + fits + "|\n");
  EXPECT_EQ(Read(fits + "x\n"), "t:1:1: a value is longer than 65536 bytes\n");
  EXPECT_EQ(Read("\"" + fits + "x\"\n"), "t:1:1: a value is longer than 65536 bytes\n");
  const std::string commas(kCsvColumnsMax - 1, ',');
  EXPECT_EQ(Read(commas).find("more than"), std::string::npos);
  EXPECT_EQ(Read(commas + ","), "t:1:65: more than 64 values in one row\n");
}

}  // namespace
}  // namespace mailhaul::config
