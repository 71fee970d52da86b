// Frames of `status --watch` at several sizes.
#include "engine/app/watch_view.h"

#include <gtest/gtest.h>

#include "base/units.h"
#include "engine/app/terminal_text.h"

namespace mailhaul::app {
namespace {

using Lines = std::vector<std::string>;

WatchSnapshot::Tenant TenantNamed(std::string name, uint64_t lag) {
  return {.name = std::move(name),
          .mailboxes = 1204,
          .late = lag > 0 ? 7U : 0U,
          .lag_seconds = lag,
          .checks = 99'000};
}

WatchView Example() {
  WatchView view;
  view.data_dir = "/var/lib/mailhaul";
  view.keys = "q or Ctrl-C ends it";
  view.now = ParseRfc3339("2026-11-28T18:43:38Z").value();
  view.rate = WatchRate{.messages = 1204.4, .bytes = 88.0 * (1 << 20), .checks = 3.14};
  view.history = {0, 10, 80};
  WatchSnapshot& told = view.last.emplace();
  told.started = "2026-11-25T08:00:00.250Z";
  told.mailboxes = 2408;
  told.trouble = 1;
  told.late = 7;
  told.disk_free_bytes = uint64_t{42} << 30;
  told.tenants = {TenantNamed("acme", 125), TenantNamed("globex", 0)};
  told.pools = {{.host = "imap.gmail.com",
                 .egress = "192.0.2.10",
                 .connections = 10,
                 .window = 20,
                 .window_max = 40,
                 .waiting = 1,
                 .throttles = 3,
                 .cause = "throttled",
                 .until = "2026-11-28T18:50:00Z"}};
  told.troubles = {{.mailbox = "acme/alice",
                    .state = "needs_credentials",
                    .attempts = 2,
                    .detail = "the login was refused: [AUTHENTICATIONFAILED]"}};
  return view;
}

std::string Joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

TEST(WatchViewTest, AFrameOfOrdinarySize) {
  EXPECT_EQ("\n" + Joined(WatchFrame(Example(), {.columns = 96, .rows = 20})), R"(
mailhaul  /var/lib/mailhaul                           up since 2026-11-25 08:00:00, 18:43:38 UTC
1,204 messages/s   88 MiB/s   3.1 checks/s    .#
2,408 mailboxes   1 in trouble   7 late   0 at work   0 in their first run   42 GiB free on disk

IN TROUBLE                STATE              TRIES  WHY
acme/alice                needs_credentials      2  the login was refused: [AUTHENTICATIONFAILE~

TENANT                    MAILBOXES      LAG  LATE  TROUBLE  FIRST RUN  CHECKS
acme                          1,204    2m 5s     7        -          -  99,000
globex                        1,204  in time     -        -          -  99,000

POOL                      IN USE  WINDOW  WAITING  THROTTLED  OUTAGES  WAITS FOR
imap.gmail.com                10      20        1          3        -  throttled until 18:50:00






q or Ctrl-C ends it
)");
}

TEST(WatchViewTest, ASmallFrameHasNoRoomToSpare) {
  EXPECT_EQ("\n" + Joined(WatchFrame(Example(), {.columns = 50, .rows = 9})), R"(
mailhaul  /var/lib/mailhaul           18:43:38 UTC
1,204 messages/s   88 MiB/s   3.1 checks/s    .#
2,408 mailboxes   1 in trouble   7 late
IN TROUBLE   STATE        WHY
acme/alice   needs_cred~  the login was refused: ~
TENANT           MAILBOXES      LAG  LATE  TROUBLE
... and 2 more tenants
POOL                      IN USE  WINDOW  WAITING
imap.gmail.com                10      20        1
)");
}

TEST(WatchViewTest, EveryFrameFitsWhateverTheSize) {
  WatchView view = Example();
  for (int i = 0; i < 40; ++i) {
    view.last->tenants.push_back(TenantNamed("tenant " + std::to_string(i), 0));
    view.last->troubles.push_back(view.last->troubles.front());
  }
  view.last->pools_left_out = 7;
  view.last->warnings = {"a", "b", "c", "d", "e"};
  for (const char* silence : {"", "no server runs on /var/lib/mailhaul."}) {
    view.silence = silence;
    view.told_at = view.now;
    for (size_t columns = 1; columns < 140; columns += columns < 12 ? 1 : 16) {
      for (size_t rows = 1; rows < 60; rows += rows < 4 ? 1 : 13) {
        const Lines lines = WatchFrame(view, {.columns = columns, .rows = rows, .unicode = true});
        ASSERT_LE(lines.size(), rows);
        for (const std::string& line : lines) {
          ASSERT_LE(TerminalWidth(line), columns) << line;
        }
      }
    }
  }
}

TEST(WatchViewTest, WhatDoesNotFitIsCounted) {
  WatchView view = Example();
  for (int i = 0; i < 98; ++i) {
    view.last->tenants.push_back(TenantNamed("tenant " + std::to_string(i), 0));
  }
  view.last->tenants_left_out = 1000;
  view.last->troubles.clear();
  const Lines lines = WatchFrame(view, {.columns = 100, .rows = 24});
  ASSERT_EQ(lines.size(), 24U);
  size_t listed = 0;
  std::string more;
  for (const std::string& line : lines) {
    listed += line.find("1,204  ") != std::string::npos ? 1 : 0;
    more = line.starts_with("... and ") ? line : more;
  }
  EXPECT_GT(listed, 5U);
  EXPECT_EQ(more, "... and 1,0" + std::to_string(100 - listed) + " more tenants");
}

TEST(WatchViewTest, WithoutAnAnswerItSaysSoAndKeepsWhatItKnew) {
  WatchView view = Example();
  view.silence = "no server runs on /var/lib/mailhaul.";
  view.told_at = ParseRfc3339("2026-11-28T18:40:00Z").value();
  Lines lines = WatchFrame(view, {.columns = 100, .rows = 24});
  EXPECT_EQ(lines[1], " No answer: no server runs on /var/lib/mailhaul. ");
  EXPECT_EQ(lines[2], "What follows is of 18:40:00 UTC. It is asked again until it answers.");
  EXPECT_NE(lines[3].find("1,204 messages/s"), std::string::npos);
  EXPECT_EQ(lines[0].find("up since"), std::string::npos);

  view.last.reset();
  view.told_at.reset();
  lines = WatchFrame(view, {.columns = 100, .rows = 24});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2], "It is asked again until it answers.");
}

TEST(WatchViewTest, TheFirstAnswerHasNoSpeedYet) {
  WatchView view = Example();
  view.rate.reset();
  EXPECT_NE(WatchFrame(view, {.columns = 80})[1].find("next answer"), std::string::npos);
}

TEST(WatchViewTest, AFullDiskAndTheConfigurationAreTold) {
  WatchView view = Example();
  view.last->collecting_paused = true;
  view.last->warnings = {"tenants/a.yaml is not in force: bad", "b", "c", "d", "e"};
  const Lines lines = WatchFrame(view, {.columns = 80});
  EXPECT_NE(lines[3].find("disk is full"), std::string::npos);
  EXPECT_EQ(lines[4], "tenants/a.yaml is not in force: bad");
  EXPECT_EQ(lines[7], "... and 2 more about the configuration");
}

// What one of the texts does, each of them might.
TEST(WatchViewTest, NoTextOfTheServerReachesTheTerminalAsASequence) {
  const std::string hostile =
      "\x1b]0;owned\x07\x1b[2J\xC2\x9B"
      "31m\n\u202Ex";
  WatchView view = Example();
  WatchSnapshot& told = *view.last;
  told.started = hostile;
  told.tenants[0].name = hostile;
  told.pools[0].host = hostile;
  told.pools[0].egress = hostile;
  told.pools[0].cause = hostile;
  told.pools[0].until = hostile + hostile + hostile;
  told.troubles[0].mailbox = hostile;
  told.troubles[0].state = hostile;
  told.troubles[0].detail = hostile;
  told.warnings = {hostile};
  view.silence = hostile;
  view.data_dir = hostile;
  for (const bool unicode : {false, true}) {
    for (const std::string& line :
         WatchFrame(view, {.columns = 300, .rows = 40, .unicode = unicode})) {
      for (const char* bad : {"\x1b", "\x07", "\xC2\x9B", "\n", "\u202E"}) {
        EXPECT_EQ(line.find(bad), std::string::npos) << line;
      }
    }
  }
}

TEST(WatchViewTest, ColoursAreTheOnlySequences) {
  std::string all;
  for (const std::string& line :
       WatchFrame(Example(), {.columns = 90, .rows = 30, .color = true})) {
    all += line;
  }
  size_t sequences = 0;
  for (size_t at = all.find('\x1b'); at != std::string::npos; at = all.find('\x1b', at + 1)) {
    const size_t end = all.find_first_not_of("[0123456789;", at + 1);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(all[end], 'm');
    ++sequences;
  }
  EXPECT_GT(sequences, 10U);
  EXPECT_EQ(sequences % 2, 0U);  // Each is ended.
}

}  // namespace
}  // namespace mailhaul::app
