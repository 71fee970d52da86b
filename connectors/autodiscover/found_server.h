// A server that autodiscovery found, and what must hold of one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/connector.h"

namespace mailhaul::autodiscover {

inline constexpr size_t kServersMax = 20;          // Of one answer; the rest is left out.
inline constexpr size_t kUserNameBytesMax = 1024;  // A longer one is not an answer.

enum class Service : uint8_t { kImap, kPop3, kSubmission };

struct FoundServer {
  Service service = Service::kImap;
  ServerAddress address;  // Host canonical (net/host_name.h), port not 0, never plaintext.
  std::string username;   // Never empty: by default the address.
  bool password = true;   // What it is said to take.
  bool oauth2 = false;
  // Whether the domain itself vouches for it: told over HTTPS, or the server lies within the
  // domain, whose name its certificate must show. Without it, whoever answers the DNS query would
  // receive the password.
  bool trusted = false;
  std::string origin;  // Where it was found, for people.
};

// The two parts of a mail address, as servers see them.
struct AddressParts {
  std::string address;  // local@domain with the domain canonical.
  std::string local;
  std::string domain;  // In the form of net::CanonicalHost(), never a literal address.
};

// kInvalidArgument: no mail address with a domain that DNS can know.
Result<AddressParts> SplitAddress(std::string_view address);

// Whether `host` is `domain` or below it. Both canonical.
bool IsWithin(std::string_view host, std::string_view domain);

}  // namespace mailhaul::autodiscover
