// Message records from a damaged store: never crash, and what is read can be written again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "store/ledger.h"
#include "store/message_content.h"
#include "store/records.h"

namespace store = mailhaul::store;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const mailhaul::Result<store::MessageContent> content = store::DecodeContent(bytes);
  if (content.ok()) {
    const std::string again = store::EncodeContent(*content);
    MH_CHECK(again.size() <= store::kContentBytesMax);
    MH_CHECK(store::DecodeContent(again).ok());
  }
  const mailhaul::Result<store::Placement> placement = store::DecodePlacement(bytes);
  if (placement.ok()) {
    MH_CHECK(store::DecodePlacement(store::EncodePlacement(*placement)).ok());
  }
  static_cast<void>(store::DecodeFolder(1, bytes));
  static_cast<void>(store::DecodeAssignment(bytes));
  const mailhaul::Result<mailhaul::UidSet> segment = store::DecodeLedgerSegment(bytes);
  if (segment.ok()) {
    MH_CHECK(store::EncodeLedgerSegment(*segment) == bytes);
  }
  return 0;
}
