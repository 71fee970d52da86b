// Arbitrary bytes as a host name: what is taken is an address in its usual form, or a name that no
// library reads as one; and taking it again changes nothing.
#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "connectors/net/host_name.h"
#include "connectors/net/network.h"

namespace mailhaul::net {
namespace {

void FuzzOne(std::string_view input) {
  const Result<std::string> host = CanonicalHost(input);
  if (!host.ok()) {
    return;
  }
  const Result<std::string> again = CanonicalHost(*host);
  MH_CHECK(again.ok() && *again == *host);
  const Result<IpAddress> literal = IpAddress::Parse(*host);
  if (literal.ok()) {
    MH_CHECK(literal->ToString() == *host);
  } else {
    in_addr old_notation{};
    MH_CHECK(IsCanonicalName(*host));
    MH_CHECK(inet_aton(host->c_str(), &old_notation) == 0);
  }
}

}  // namespace
}  // namespace mailhaul::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mailhaul::net::FuzzOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
