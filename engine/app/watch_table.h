// Tables of text in columns, fitted to the width of a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mailhaul::app {

// What lines are drawn for.
struct TerminalShape {
  size_t columns = 80;
  size_t rows = 0;       // 0: as many as it takes.
  bool color = false;    // Escape sequences for colours; no other kind is ever written.
  bool unicode = false;  // Beyond ASCII.
};

enum class Tone : uint8_t { kPlain, kFaint, kStrong, kGood, kWarn, kBad, kAlert };

// `text` in that tone. `text` comes from TerminalText().
std::string InTone(Tone tone, const std::string& text, const TerminalShape& shape);

struct Column {
  std::string title;
  bool right = false;     // Numbers.
  size_t importance = 0;  // When there is no room, columns with the lowest go first.
  size_t shrinks_to = 0;  // Columns it needs at least; 0: it does not shrink.
  size_t at_least = 0;    // Unless it has to shrink: so that tables below each other align.
};

struct Cell {
  std::string text;  // As it came: the table makes it safe.
  Tone tone = Tone::kPlain;
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // Each with a cell for every column.
};

// The line of titles, then a line per row; none is wider than the shape. Linear in what is shown.
std::vector<std::string> TableLines(const Table& table, const TerminalShape& shape);

}  // namespace mailhaul::app
