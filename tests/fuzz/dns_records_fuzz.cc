// Arbitrary bytes as a name server's answer: what comes out is bounded, sorted and clean.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "connectors/net/dns_records.h"
#include "connectors/net/host_name.h"

namespace mailhaul::net {
namespace {

void FuzzOne(std::string_view answer) {
  const Result<std::vector<MxRecord>> mx = ParseMxAnswer(answer);
  if (mx.ok()) {
    MH_CHECK(mx->size() <= kRecordsMax);
    for (size_t i = 0; i < mx->size(); ++i) {
      MH_CHECK(IsCanonicalName((*mx)[i].host));
      MH_CHECK(i == 0 || (*mx)[i - 1].preference <= (*mx)[i].preference);
    }
  }
  const Result<std::vector<SrvRecord>> srv = ParseSrvAnswer(answer);
  if (srv.ok()) {
    MH_CHECK(srv->size() <= kRecordsMax);
    for (size_t i = 0; i < srv->size(); ++i) {
      MH_CHECK((*srv)[i].host.empty() || IsCanonicalName((*srv)[i].host));
      MH_CHECK(i == 0 || (*srv)[i - 1].priority <= (*srv)[i].priority);
    }
  }
}

}  // namespace
}  // namespace mailhaul::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // An answer over TCP has at most 64 KiB.
  if (size <= 0xFFFF) {
    mailhaul::net::FuzzOne({reinterpret_cast<const char*>(data), size});
  }
  return 0;
}
