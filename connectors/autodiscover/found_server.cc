#include "connectors/autodiscover/found_server.h"

#include "base/text.h"
#include "connectors/net/host_name.h"

namespace mailhaul::autodiscover {
namespace {

constexpr size_t kAddressBytesMax = 320;  // RFC 5321: 64 + 1 + 255.

}  // namespace

Result<AddressParts> SplitAddress(std::string_view address) {
  const size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || address.size() > kAddressBytesMax) {
    return Status(Code::kInvalidArgument,
                  "'" + EscapeForLog(address) + "' is no mail address with a domain");
  }
  MH_ASSIGN_OR_RETURN(std::string domain, net::CanonicalHost(address.substr(at + 1)));
  if (!net::IsCanonicalName(domain)) {
    return Status(Code::kInvalidArgument,
                  "'" + EscapeForLog(address) + "' has no domain that could name its servers");
  }
  AddressParts parts;
  parts.local = std::string(address.substr(0, at));
  parts.domain = std::move(domain);
  parts.address = parts.local + "@" + parts.domain;
  return parts;
}

bool IsWithin(std::string_view host, std::string_view domain) {
  return host == domain || (host.size() > domain.size() && host.ends_with(domain) &&
                            host[host.size() - domain.size() - 1] == '.');
}

}  // namespace mailhaul::autodiscover
