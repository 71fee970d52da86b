// Which addresses may be connected to: the names of servers are user input.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "connectors/net/network.h"

namespace mailhaul {

// kUnreachable when any of `addresses` of `host` is private (net::IpAddress::IsPrivate).
Status RefusePrivate(std::string_view host, const std::vector<net::IpAddress>& addresses);
// Whether a failure is that one.
bool IsRefusedDestination(const Status& status);

}  // namespace mailhaul
