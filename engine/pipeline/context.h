// What every job of the pipeline shares. All of it outlives the jobs.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/work_pool.h"
#include "engine/pipeline/committer.h"
#include "store/mail_store.h"

namespace mailhaul::pipeline {

// Running totals of the process, for progress displays.
struct Progress {
  std::atomic<uint64_t> messages_done{0};  // Stored, re-linked or found to be there already.
  std::atomic<uint64_t> bytes_fetched{0};
};

struct Context {
  store::MailStore& store;
  Committer& committer;
  WorkPool& cpu;    // Parsing, hashing.
  WorkPool& reads;  // Blocking store reads.
  MemoryBudget& budget;
  const Clock& clock;
  Progress& progress;
};

}  // namespace mailhaul::pipeline
