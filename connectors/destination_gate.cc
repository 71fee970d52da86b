#include "connectors/destination_gate.h"

#include "base/text.h"

namespace mailhaul {
namespace {

constexpr std::string_view kRefused =
    ", which is refused; set network.allow_private: true if that is meant";

}  // namespace

Status RefusePrivate(std::string_view host, const std::vector<net::IpAddress>& addresses) {
  for (const net::IpAddress& address : addresses) {
    // One bad address refuses the host: a name with a public and a private address is an attack, or
    // a mistake that would work only sometimes.
    if (address.IsPrivate()) {
      return {Code::kUnreachable, EscapeForLog(host) + " has the private address " +
                                      address.ToString() + std::string(kRefused)};
    }
  }
  return {};
}

bool IsRefusedDestination(const Status& status) {
  return status.code() == Code::kUnreachable &&
         status.message().find(kRefused) != std::string::npos;
}

}  // namespace mailhaul
