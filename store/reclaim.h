// How far reclaiming the space of bodies has come. Private to the store; the committer's thread
// only.
//
// Not stored: after a restart a pass finds the same.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/clock.h"

namespace mailhaul::store {

struct ReclaimState {
  enum class Stage : uint8_t { kIdle, kCount, kMove };
  struct Use {
    uint64_t file_bytes = 0;
    uint64_t live_bytes = 0;  // Of bodies that something refers to, with their headers.
  };

  bool wanted = true;  // References may have come to 0 since the last pass.
  Stage stage = Stage::kIdle;
  std::string next;                    // The reference to go on at.
  std::map<uint32_t, Use> segments;    // That were idle when the pass began.
  std::set<uint32_t> moving;           // Of these, whose bodies are moved elsewhere.
  std::map<uint32_t, TimePoint> dead;  // Without a live body, and since when that is known.
};

}  // namespace mailhaul::store
