#include "engine/app/watch_table.h"

#include <algorithm>

#include "engine/app/terminal_text.h"

namespace mailhaul::app {
namespace {

constexpr size_t kGap = 2;

const char* CodeOf(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kFaint:
      return "\x1b[2m";
    case Tone::kStrong:
      return "\x1b[1m";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarn:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kAlert:
      return "\x1b[1;37;41m";
  }
  return "";
}

// Widths of the columns that are shown; 0: it is left out.
class Widths final {
 public:
  Widths(const Table& table, const TerminalShape& shape) : table_(table), shape_(shape) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      widths_.push_back(NaturalWidth(i));
    }
    while (LeastSum() > shape.columns && LeaveOneOut()) {
    }
    ShrinkTo(shape.columns);
  }

  size_t operator[](size_t i) const { return widths_[i]; }

 private:
  size_t NaturalWidth(size_t i) const {
    size_t width =
        std::max<size_t>({1, table_.columns[i].at_least, TerminalWidth(table_.columns[i].title)});
    for (const std::vector<Cell>& row : table_.rows) {
      width =
          std::max(width, TerminalWidth(TerminalText(row[i].text, shape_.columns, shape_.unicode)));
    }
    return width;
  }

  size_t Least(size_t i) const {
    const size_t shrinks_to = table_.columns[i].shrinks_to;
    return shrinks_to == 0 ? widths_[i] : std::min(widths_[i], shrinks_to);
  }

  template <typename WidthOf>
  size_t SumOf(WidthOf width_of) const {
    size_t sum = 0;
    for (size_t i = 0; i < widths_.size(); ++i) {
      sum += widths_[i] == 0 ? 0 : width_of(i) + (sum == 0 ? 0 : kGap);
    }
    return sum;
  }
  size_t LeastSum() const {
    return SumOf([this](size_t i) { return Least(i); });
  }
  size_t Sum() const {
    return SumOf([this](size_t i) { return widths_[i]; });
  }

  // False: one is left, which takes what there is.
  bool LeaveOneOut() {
    size_t shown = 0;
    size_t least = widths_.size();
    for (size_t i = 0; i < widths_.size(); ++i) {
      if (widths_[i] == 0) {
        continue;
      }
      ++shown;
      if (least == widths_.size() ||
          table_.columns[i].importance < table_.columns[least].importance) {
        least = i;
      }
    }
    if (shown < 2) {
      return false;
    }
    widths_[least] = 0;
    return true;
  }

  // Takes from the widest that can give, so that all of them stay readable.
  void ShrinkTo(size_t columns) {
    while (Sum() > columns) {
      size_t widest = widths_.size();
      for (size_t i = 0; i < widths_.size(); ++i) {
        if (widths_[i] > Least(i) && (widest == widths_.size() || widths_[i] > widths_[widest])) {
          widest = i;
        }
      }
      if (widest == widths_.size()) {
        break;
      }
      --widths_[widest];
    }
    for (size_t& width : widths_) {
      width = std::min(width, columns);
    }
  }

  const Table& table_;
  const TerminalShape& shape_;
  std::vector<size_t> widths_;
};

class LineWriter final {
 public:
  LineWriter(const Table& table, const TerminalShape& shape)
      : table_(table), shape_(shape), widths_(table, shape) {}

  template <typename CellAt>
  std::string Line(CellAt cell_at) const {
    std::string line;
    size_t blanks = 0;  // Before the next cell: none stand at the end of a line.
    bool first = true;
    for (size_t i = 0; i < table_.columns.size(); ++i) {
      if (widths_[i] == 0) {
        continue;
      }
      blanks += first ? 0 : kGap;
      first = false;
      const Cell cell = cell_at(i);
      const std::string text = TerminalText(cell.text, widths_[i], shape_.unicode);
      const size_t padding = widths_[i] - TerminalWidth(text);
      if (text.empty()) {
        blanks += padding;
        continue;
      }
      line.append(blanks + (table_.columns[i].right ? padding : 0), ' ');
      line += InTone(cell.tone, text, shape_);
      blanks = table_.columns[i].right ? 0 : padding;
    }
    return line;
  }

 private:
  const Table& table_;
  const TerminalShape& shape_;
  const Widths widths_;
};

}  // namespace

std::string InTone(Tone tone, const std::string& text, const TerminalShape& shape) {
  if (!shape.color || tone == Tone::kPlain || text.empty()) {
    return text;
  }
  return CodeOf(tone) + text + "\x1b[0m";
}

std::vector<std::string> TableLines(const Table& table, const TerminalShape& shape) {
  const LineWriter writer(table, shape);
  std::vector<std::string> lines;
  lines.push_back(writer.Line(
      [&table](size_t i) { return Cell{.text = table.columns[i].title, .tone = Tone::kFaint}; }));
  for (const std::vector<Cell>& row : table.rows) {
    lines.push_back(writer.Line([&row](size_t i) { return row[i]; }));
  }
  return lines;
}

}  // namespace mailhaul::app
