// From what the MIME parser found to what the store keeps.
#pragma once

#include <cstdint>
#include <string>

#include "base/byte_source.h"
#include "store/mail_store.h"

namespace mailhaul::pipeline {

struct ParsedContent {
  std::string record;  // store::EncodeContent()
  uint64_t thread = 0;
  bool quarantined = false;
};

// Parses `raw` and encodes its record. CPU work: for the arena. `thread_fallback`: see ThreadOf().
ParsedContent ParseContent(const ByteSource& raw, uint64_t thread_fallback);

// Messages whose References lead to the same first message share a thread. A message without any
// identifier is a thread of its own, named by `fallback`.
uint64_t ThreadOf(const store::MessageContent& content, uint64_t fallback);

}  // namespace mailhaul::pipeline
