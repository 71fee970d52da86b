// Sizes, durations, times, addresses of base and net: what is read must be printed and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "base/units.h"
#include "connectors/net/network.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mailhaul;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<uint64_t> bytes = ParseByteSize(text);
  MH_CHECK(!bytes.ok() || !FormatByteSize(*bytes).empty());
  const Result<std::chrono::milliseconds> duration = ParseDuration(text);
  MH_CHECK(!duration.ok() || duration->count() >= 0);
  const Result<WallTime> time = ParseRfc3339(text);
  if (time.ok() && FormatRfc3339(*time).substr(0, 4) != "9999" &&
      FormatRfc3339(*time).substr(0, 4) != "0000") {
    MH_CHECK(*ParseRfc3339(FormatRfc3339(*time)) == *time);
  }
  const Result<net::IpAddress> address = net::IpAddress::Parse(text);
  if (address.ok()) {
    MH_CHECK(*net::IpAddress::Parse(address->ToString()) == *address);
    static_cast<void>(address->IsPrivate());
  }
  MH_CHECK(IsValidUtf8(ToValidUtf8(text)));
  MH_CHECK(HexDecode(HexEncode(text)) == text);
  MH_CHECK(Utf8Prefix(text, size / 2).size() <= size / 2);
  return 0;
}
