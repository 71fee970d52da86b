// Autoconfig: an XML file in which a domain names its mail servers, as mail programs fetch it
// (wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/autodiscover/found_server.h"

namespace mailhaul::autodiscover {

// Where the file may be, likeliest first. Always https://, always at the domain itself.
std::vector<std::string> AutoconfigUrls(const AddressParts& address);

// The servers that the first provider of `xml` lists for IMAP, POP3 and submission, in its order,
// with %EMAILADDRESS%, %EMAILLOCALPART% and %EMAILDOMAIN% filled in. Left out: entries without
// encryption, with an impossible host or port, or that want neither password nor OAuth 2.0.
// kProtocol: no such file, or beyond the limits of xml_bounds.h.
Result<std::vector<FoundServer>> ParseAutoconfig(std::string_view xml, const AddressParts& address,
                                                 std::string_view origin);

}  // namespace mailhaul::autodiscover
