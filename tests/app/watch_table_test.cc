// Tables fitted to a width: which columns go, which shrink, and that no line is too wide.
#include "engine/app/watch_table.h"

#include <gtest/gtest.h>

#include "engine/app/terminal_text.h"

namespace mailhaul::app {
namespace {

using Lines = std::vector<std::string>;

Table Example() {
  return {.columns = {{.title = "NAME", .importance = 9, .shrinks_to = 4},
                      {.title = "N", .right = true, .importance = 5},
                      {.title = "WHY", .importance = 3, .shrinks_to = 6}},
          .rows = {{{.text = "alice"}, {.text = "12"}, {.text = "nothing at all"}},
                   {{.text = "bob"}, {.text = "-"}, {.text = ""}}}};
}

TEST(WatchTableTest, ColumnsAreAsWideAsWhatIsInThem) {
  EXPECT_EQ(TableLines(Example(), {.columns = 80}), (Lines{
                                                        "NAME    N  WHY",
                                                        "alice  12  nothing at all",
                                                        "bob     -",
                                                    }));
}

TEST(WatchTableTest, TheWidestShrinksFirst) {
  EXPECT_EQ(TableLines(Example(), {.columns = 20}), (Lines{
                                                        "NAME    N  WHY",
                                                        "alice  12  nothing ~",
                                                        "bob     -",
                                                    }));
}

TEST(WatchTableTest, TheLeastImportantGoesWhenItCannotShrinkMore) {
  EXPECT_EQ(TableLines(Example(), {.columns = 15}), (Lines{
                                                        "NAME    N",
                                                        "alice  12",
                                                        "bob     -",
                                                    }));
  EXPECT_EQ(TableLines(Example(), {.columns = 3}), (Lines{"NA~", "al~", "bob"}));
}

TEST(WatchTableTest, AColumnIsAtLeastAsWideAsAskedUnlessThereIsNoRoom) {
  Table table = Example();
  table.columns[0].at_least = 10;
  EXPECT_EQ(TableLines(table, {.columns = 80})[2], "bob          -");
  EXPECT_EQ(TableLines(table, {.columns = 9})[1], "alice  12");
}

TEST(WatchTableTest, NoWidthIsExceededWhateverIsInTheCells) {
  Table table = Example();
  table.rows.push_back(
      {{.text = "受信箱\x1b[31m"}, {.text = "1\n2"}, {.text = std::string(500, 'x')}});
  for (size_t columns = 1; columns < 60; ++columns) {
    for (const bool unicode : {false, true}) {
      for (const std::string& line : TableLines(table, {.columns = columns, .unicode = unicode})) {
        EXPECT_LE(TerminalWidth(line), columns) << line;
        EXPECT_EQ(line.find('\x1b'), std::string::npos);
        EXPECT_EQ(line.find('\n'), std::string::npos);
      }
    }
  }
}

TEST(WatchTableTest, ColoursStandAroundTheTextOnly) {
  Table table = Example();
  table.rows[1][0].tone = Tone::kBad;
  EXPECT_EQ(TableLines(table, {.columns = 80, .color = true})[2], "\x1b[31mbob\x1b[0m     -");
}

}  // namespace
}  // namespace mailhaul::app
