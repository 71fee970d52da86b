#include "engine/app/watch_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/units.h"
#include "engine/app/terminal_text.h"

namespace mailhaul::app {
namespace {

using Lines = std::vector<std::string>;

constexpr size_t kNameColumnsMin = 10;
constexpr size_t kHostColumnsMin = 18;
constexpr size_t kNameColumns = 24;
constexpr size_t kReasonColumnsMin = 24;
constexpr size_t kCauseColumnsMin = 30;  // "host_circuit until 18:43:38", as a whole.
constexpr size_t kHistoryShownMax = 40;
constexpr size_t kWarningsShownMax = 3;
constexpr size_t kBarColumns = 10;
// Below this, lines that only divide or explain are left out.
constexpr size_t kRowsComfortable = 20;

std::string Grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3; i -= 3) {
    text.insert(i - 3, ",");
  }
  return text;
}

// "0.4", "12", "1,204".
std::string Speed(double per_second) {
  if (per_second > 0 && per_second < 9.95) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%.1f", per_second);
    return text.data();
  }
  return Grouped(static_cast<uint64_t>(std::llround(per_second)));
}

// "18:43:38" of "2026-11-28T18:43:38.123Z".
std::string TimeOfDay(const std::string& rfc3339) {
  return rfc3339.size() < 19 ? rfc3339 : rfc3339.substr(11, 8);
}

std::string TimeOfDay(WallTime time) { return TimeOfDay(FormatRfc3339(time)); }

std::string Lag(uint64_t seconds) {
  if (seconds == 0) {
    return "in time";
  }
  // Beyond that it would not fit what counts milliseconds.
  return FormatDuration(std::chrono::seconds(std::min<uint64_t>(seconds, 1'000'000'000)));
}

Cell Count(uint64_t number, Tone tone_if_any = Tone::kPlain) {
  return {.text = number == 0 ? "-" : Grouped(number),
          .tone = number == 0 ? Tone::kFaint : tone_if_any};
}

// A line that may stand alone, cut to the width; nothing in it is trusted.
std::string Line(Tone tone, std::string_view text, const TerminalShape& shape) {
  return InTone(tone, TerminalText(text, shape.columns, shape.unicode), shape);
}

// `cells` beside each other, as many as fit.
std::string Beside(const std::vector<Cell>& cells, const TerminalShape& shape) {
  std::string line;
  size_t width = 0;
  for (const Cell& cell : cells) {
    const size_t gap = width == 0 ? 0 : 3;
    const std::string text = TerminalText(cell.text, shape.columns, shape.unicode);
    if (width + gap + TerminalWidth(text) > shape.columns) {
      break;
    }
    line += std::string(gap, ' ') + InTone(cell.tone, text, shape);
    width += gap + TerminalWidth(text);
  }
  return line;
}

std::string Sparkline(const std::deque<double>& history, const TerminalShape& shape) {
  static constexpr std::array kUnicode = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array kAscii = {" ", ".", ".", ":", ":", "-", "=", "#", "#"};
  const size_t count = std::min({history.size(), kHistoryShownMax, shape.columns / 3});
  if (count < 2) {
    return {};
  }
  const auto first = history.end() - static_cast<std::ptrdiff_t>(count);
  const double top = *std::max_element(first, history.end());
  std::string line;
  for (auto it = first; it != history.end(); ++it) {
    // What is more than nothing is seen.
    const double share = top <= 0 ? 0 : *it / top * 8;
    const size_t level = std::min<size_t>(8, static_cast<size_t>(std::ceil(share)));
    line += shape.unicode ? kUnicode[level] : kAscii[level];
  }
  return line;
}

std::string Bar(uint64_t part, uint64_t whole, const TerminalShape& shape) {
  const size_t filled = whole == 0 ? 0
                                   : static_cast<size_t>(std::min<uint64_t>(part, whole) *
                                                         static_cast<double>(kBarColumns) /
                                                         static_cast<double>(whole));
  std::string bar;
  for (size_t i = 0; i < kBarColumns; ++i) {
    bar += i < std::max<size_t>(filled, part == 0 ? 0 : 1) ? (shape.unicode ? "█" : "#")
                                                           : (shape.unicode ? "░" : ".");
  }
  return bar;
}

// One of the lists below the head.
struct Section {
  const char* what;       // It lists.
  Lines lines;            // Its titles, then what it lists.
  uint64_t left_out = 0;  // Of which the server did not tell.
  size_t listed() const { return lines.size() - 1; }
};

Section Tenants(const WatchSnapshot& told, const TerminalShape& shape) {
  Table table{.columns = {{.title = "TENANT",
                           .importance = 9,
                           .shrinks_to = kNameColumnsMin,
                           .at_least = kNameColumns},
                          {.title = "MAILBOXES", .right = true, .importance = 5},
                          {.title = "LAG", .right = true, .importance = 8},
                          {.title = "LATE", .right = true, .importance = 7},
                          {.title = "TROUBLE", .right = true, .importance = 6},
                          {.title = "FIRST RUN", .right = true, .importance = 4},
                          {.title = "CHECKS", .right = true, .importance = 3}},
              .rows = {}};
  for (const WatchSnapshot::Tenant& tenant : told.tenants) {
    table.rows.push_back({{.text = tenant.name},
                          {.text = Grouped(tenant.mailboxes)},
                          {.text = Lag(tenant.lag_seconds),
                           .tone = tenant.lag_seconds == 0 ? Tone::kGood : Tone::kWarn},
                          Count(tenant.late, Tone::kWarn),
                          Count(tenant.trouble, Tone::kBad),
                          Count(tenant.pending),
                          {.text = Grouped(tenant.checks)}});
  }
  return {.what = "tenants", .lines = TableLines(table, shape), .left_out = told.tenants_left_out};
}

Section Pools(const WatchSnapshot& told, const TerminalShape& shape) {
  Table table{.columns = {{.title = "POOL",
                           .importance = 9,
                           .shrinks_to = kHostColumnsMin,
                           .at_least = kNameColumns},
                          {.title = "FROM", .importance = 4, .shrinks_to = kNameColumnsMin},
                          {.title = "BUSY", .importance = 2},
                          {.title = "IN USE", .right = true, .importance = 8},
                          {.title = "WINDOW", .right = true, .importance = 7},
                          {.title = "MAX", .right = true, .importance = 3},
                          {.title = "WAITING", .right = true, .importance = 6},
                          {.title = "THROTTLED", .right = true, .importance = 5},
                          {.title = "OUTAGES", .right = true, .importance = 4},
                          {.title = "WAITS FOR", .importance = 5, .shrinks_to = kCauseColumnsMin}},
              .rows = {}};
  for (const WatchSnapshot::Pool& pool : told.pools) {
    const bool narrowed = pool.window < pool.window_max;
    std::string cause = pool.blocked ? "this address is refused" : pool.cause;
    if (!pool.until.empty()) {
      cause += (cause.empty() ? "left alone until " : " until ") + TimeOfDay(pool.until);
    }
    table.rows.push_back(
        {{.text = pool.host},
         {.text = pool.egress.empty() ? "-" : pool.egress,
          .tone = pool.egress.empty() ? Tone::kFaint : Tone::kPlain},
         {.text = Bar(pool.connections, pool.window, shape),
          .tone = narrowed ? Tone::kWarn : Tone::kGood},
         {.text = Grouped(pool.connections)},
         {.text = Grouped(pool.window), .tone = narrowed ? Tone::kWarn : Tone::kPlain},
         {.text = Grouped(pool.window_max)},
         Count(pool.waiting),
         Count(pool.throttles, Tone::kWarn),
         Count(pool.outages, Tone::kBad),
         {.text = cause, .tone = pool.blocked ? Tone::kBad : Tone::kWarn}});
  }
  return {.what = "pools", .lines = TableLines(table, shape), .left_out = told.pools_left_out};
}

Section Troubles(const WatchSnapshot& told, const TerminalShape& shape) {
  Table table{.columns = {{.title = "IN TROUBLE",
                           .importance = 9,
                           .shrinks_to = kNameColumnsMin,
                           .at_least = kNameColumns},
                          {.title = "STATE", .importance = 8, .shrinks_to = kNameColumnsMin},
                          {.title = "TRIES", .right = true, .importance = 6},
                          {.title = "WHY", .importance = 7, .shrinks_to = kReasonColumnsMin}},
              .rows = {}};
  for (const WatchSnapshot::Trouble& trouble : told.troubles) {
    table.rows.push_back({{.text = trouble.mailbox},
                          {.text = trouble.state, .tone = Tone::kBad},
                          Count(trouble.attempts),
                          {.text = trouble.detail}});
  }
  return {
      .what = "in trouble", .lines = TableLines(table, shape), .left_out = told.troubles_left_out};
}

// The counters of the whole server, and what somebody should know before anything else.
void AddHead(const WatchView& view, const TerminalShape& shape, Lines& out) {
  const WatchSnapshot& told = *view.last;
  std::vector<Cell> speed = {
      {.text = "first figures come with the next answer", .tone = Tone::kFaint}};
  if (view.rate.has_value()) {
    speed = {{.text = Speed(view.rate->messages) + " messages/s", .tone = Tone::kStrong},
             {.text = FormatByteSize(static_cast<uint64_t>(view.rate->bytes)) + "/s",
              .tone = Tone::kStrong},
             {.text = Speed(view.rate->checks) + " checks/s"},
             {.text = Sparkline(view.history, shape), .tone = Tone::kGood}};
  }
  out.push_back(Beside(speed, shape));
  const auto part = [](uint64_t number, const char* what, Tone tone) {
    return Cell{.text = Grouped(number) + " " + what, .tone = number == 0 ? Tone::kFaint : tone};
  };
  std::vector<Cell> mailboxes = {
      part(told.mailboxes, "mailboxes", Tone::kPlain), part(told.trouble, "in trouble", Tone::kBad),
      part(told.late, "late", Tone::kWarn), part(told.collecting, "at work", Tone::kGood),
      part(told.pending, "in their first run", Tone::kPlain)};
  if (told.disk_free_bytes.has_value()) {
    mailboxes.push_back({.text = FormatByteSize(*told.disk_free_bytes) + " free on disk"});
  }
  out.push_back(Beside(mailboxes, shape));
  if (told.collecting_paused) {
    out.push_back(Line(Tone::kAlert, " The disk is full: nothing is collected. ", shape));
  }
  for (size_t i = 0; i < std::min(told.warnings.size(), kWarningsShownMax); ++i) {
    out.push_back(Line(Tone::kWarn, told.warnings[i], shape));
  }
  if (told.warnings.size() > kWarningsShownMax) {
    out.push_back(Line(Tone::kFaint,
                       "... and " + std::to_string(told.warnings.size() - kWarningsShownMax) +
                           " more about the configuration",
                       shape));
  }
}

// What stands at the right end of the first line: as much as there is room for beside the name.
std::string TitleEnd(const WatchView& view, size_t columns, const TerminalShape& shape) {
  const std::string time = TimeOfDay(view.now) + " UTC";
  if (view.last.has_value() && view.silence.empty()) {
    const std::string long_one =
        TerminalText("up since " + view.last->started.substr(0, 10) + " " +
                         TimeOfDay(view.last->started) + (shape.unicode ? " · " : ", ") + time,
                     shape.columns, shape.unicode);
    if (TerminalWidth(long_one) < columns) {
      return long_one;
    }
  }
  return time.size() < columns ? time : std::string();
}

void AddTitle(const WatchView& view, const TerminalShape& shape, Lines& out) {
  const std::string name = TerminalText("mailhaul", shape.columns, shape.unicode);
  const size_t columns = shape.columns - TerminalWidth(name);
  const std::string right = TitleEnd(view, columns, shape);
  const size_t room = columns - TerminalWidth(right);
  const std::string where =
      room > 8 ? TerminalText(view.data_dir, room - 4, shape.unicode) : std::string();
  const size_t blanks = room - (where.empty() ? 0 : 2 + TerminalWidth(where));
  out.push_back(
      InTone(Tone::kStrong, name, shape) + (where.empty() ? "" : "  ") +
      InTone(Tone::kFaint, where, shape) +
      (right.empty() ? "" : std::string(blanks, ' ') + InTone(Tone::kFaint, right, shape)));
}

void AddSilence(const WatchView& view, const TerminalShape& shape, Lines& out) {
  if (view.silence.empty()) {
    return;
  }
  out.push_back(Line(Tone::kAlert, " No answer: " + view.silence + " ", shape));
  const std::string waits = "It is asked again until it answers.";
  out.push_back(Line(Tone::kWarn,
                     view.told_at.has_value()
                         ? "What follows is of " + TimeOfDay(*view.told_at) + " UTC. " + waits
                         : waits,
                     shape));
}

// How many of its lines each section gets out of `rows`: what it needs, or a fair share.
std::vector<size_t> Share(size_t rows, const std::vector<Section>& sections) {
  std::vector<size_t> given(sections.size(), 0);
  const auto needs = [&sections](size_t i) {
    return sections[i].lines.size() + (sections[i].left_out > 0 ? 1 : 0);
  };
  for (bool gave = true; rows > 0 && gave;) {
    gave = false;
    for (size_t i = 0; i < sections.size() && rows > 0; ++i) {
      if (given[i] < needs(i)) {
        ++given[i];
        --rows;
        gave = true;
      }
    }
  }
  return given;
}

void AddSection(const Section& section, size_t rows, const TerminalShape& shape, Lines& out) {
  const bool whole = section.lines.size() + (section.left_out > 0 ? 1 : 0) <= rows;
  const size_t shown = whole ? section.lines.size() : rows - std::min<size_t>(rows, 1);
  out.insert(out.end(), section.lines.begin(),
             section.lines.begin() + static_cast<std::ptrdiff_t>(shown));
  if (whole && section.left_out == 0) {
    return;
  }
  if (rows > shown) {
    const size_t listed = shown == 0 ? 0 : shown - 1;
    const uint64_t more = section.left_out + section.listed() - listed;
    out.push_back(Line(Tone::kFaint, "... and " + Grouped(more) + " more " + section.what, shape));
  }
}

}  // namespace

std::vector<std::string> WatchFrame(const WatchView& view, const TerminalShape& shape) {
  Lines out;
  AddTitle(view, shape, out);
  AddSilence(view, shape, out);
  if (view.last.has_value()) {
    AddHead(view, shape, out);
    std::vector<Section> sections;
    if (!view.last->troubles.empty()) {
      sections.push_back(Troubles(*view.last, shape));
    }
    sections.push_back(Tenants(*view.last, shape));
    sections.push_back(Pools(*view.last, shape));
    const bool comfortable = shape.rows == 0 || shape.rows >= kRowsComfortable;
    const size_t dividers = comfortable ? sections.size() : 0;
    const size_t reserved = out.size() + dividers + (comfortable && !view.keys.empty() ? 2 : 0);
    const std::vector<size_t> given =
        Share(shape.rows == 0 ? SIZE_MAX : shape.rows - std::min(shape.rows, reserved), sections);
    for (size_t i = 0; i < sections.size(); ++i) {
      if (comfortable) {
        out.emplace_back();
      }
      AddSection(sections[i], given[i], shape, out);
    }
    if (comfortable && !view.keys.empty()) {
      if (shape.rows > out.size() + 1) {
        out.resize(shape.rows - 1);  // At the bottom.
      }
      out.push_back(Line(Tone::kFaint, view.keys, shape));
    }
  }
  if (shape.rows != 0 && out.size() > shape.rows) {
    out.resize(shape.rows);
  }
  return out;
}

}  // namespace mailhaul::app
