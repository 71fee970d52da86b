// From what the MIME parser found to what the store keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "store/mail_store.h"

namespace mailhaul::mime {
class Structure;
}

namespace mailhaul::pipeline {

struct ParsedContent {
  std::string record;  // store::EncodeContent()
  uint64_t thread = 0;
  bool quarantined = false;
  std::optional<WallTime> received;  // Of the topmost Received field.
  std::optional<WallTime> date;
};

// Parses `raw` and encodes its record. CPU work: for the arena. `thread_fallback`: see ThreadOf().
ParsedContent ParseContent(const ByteSource& raw, uint64_t thread_fallback);
ParsedContent ParseContent(const ByteSource& raw, const mime::Structure& structure,
                           uint64_t thread_fallback);

// The same for a message of which only the header is here, perhaps nothing: what it says, and
// `reason` for its being unparsed.
ParsedContent ParseHeader(std::string_view header, std::string_view reason,
                          uint64_t thread_fallback);

// Bytes of the header at the front of a message, with the empty line that ends it; npos: it does
// not end in `front`.
size_t HeaderBytes(std::string_view front);
// The front with the whole header, or as much as any header has that is read for re-linking
// (kHeaderBytesMax).
std::string ReadFront(const ByteSource& raw);

// The thread of a server's own thread id (X-GM-THRID, RFC 8474).
uint64_t ThreadOfObject(std::string_view thread_object);

// When a message arrived whose source does not say: by its Received field, else by Date, unless
// that lies in the future; else `now`.
WallTime ArrivalOf(const ParsedContent& content, WallTime now);

// Messages whose References lead to the same first message share a thread, with that message, in
// whatever order they come; without References, In-Reply-To counts as the first. It follows from
// the message alone, so threads never merge or split. Subjects say nothing: "Re: invoice" is many
// threads. A message without any identifier is a thread of its own, named by `fallback`.
uint64_t ThreadOf(const store::MessageContent& content, uint64_t fallback);

}  // namespace mailhaul::pipeline
