// Answers of name servers in wire format (RFC 1035) to records. Included by the files of this
// folder only.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/net/network.h"

namespace mailhaul::net {

inline constexpr size_t kRecordsMax = 64;  // Of one answer; the rest is left out.

// Sorted as Network::ResolveMx() and ResolveSrv() say. Records whose host is no name are left out;
// so is a null MX (RFC 7505). kProtocol: the answer is malformed.
Result<std::vector<MxRecord>> ParseMxAnswer(std::string_view answer);
Result<std::vector<SrvRecord>> ParseSrvAnswer(std::string_view answer);

}  // namespace mailhaul::net
