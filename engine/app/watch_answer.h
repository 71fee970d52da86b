// What a running server answers to `mailhaul status --watch`, over control.sock.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/app/collector.h"
#include "engine/app/directory.h"
#include "engine/pipeline/context.h"

namespace mailhaul::app {

// Asked on control.sock; answered with WatchJson().
inline constexpr std::string_view kWatchQuestion = "watch";
// No terminal shows more. Of each kind, those that need somebody's eye come first.
inline constexpr size_t kTenantsWatchedMax = 200;
inline constexpr size_t kPoolsWatchedMax = 200;
inline constexpr size_t kTroublesWatchedMax = 200;
// Of what is wrong with one mailbox.
inline constexpr size_t kTroubleBytesMax = 500;

// All outlive the call.
struct WatchSources {
  const Collector& collector;
  const CollectorDirectory& directory;
  const pipeline::Progress& progress;
  const Clock& clock;
  WallTime started;  // When the server did; tells one run from the next.
};

// Main loop; visits every mailbox once. One object, which watch_snapshot.h reads:
// {"watch":1,"started":...,"at_ms":monotonic,"messages":...,"bytes":...,"checks":...,
//  "mailboxes":{"total","collecting","pending","late","trouble"},
//  "tenants":[{"name","mailboxes","pending","late","trouble","lag_seconds","checks"}],
//  "tenants_left_out":...,"pools":[as GET /v1/pools],"pools_left_out":...,
//  "troubles":[{"mailbox","state","attempts","detail"}],"troubles_left_out":...,
//  "disk":...,"configuration":...}
std::string WatchJson(const WatchSources& sources);

}  // namespace mailhaul::app
