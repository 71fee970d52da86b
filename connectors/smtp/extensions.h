// What a server offers in its answer to EHLO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/smtp/reply.h"

namespace mailhaul::smtp {

struct Extensions {
  bool starttls = false;               // RFC 3207
  bool pipelining = false;             // RFC 2920
  bool chunking = false;               // RFC 3030
  bool eight_bit_mime = false;         // RFC 6152
  bool smtputf8 = false;               // RFC 6531
  bool dsn = false;                    // RFC 3461
  bool enhanced_status_codes = false;  // RFC 2034
  std::optional<uint64_t> size_max;  // RFC 1870; absent: SIZE is not offered. 0: offered, no limit.
  // Upper case, from "AUTH a b" and the old "AUTH=a b"; at most 32 names.
  std::vector<std::string> auth_mechanisms;

  friend bool operator==(const Extensions&, const Extensions&) = default;
};

// From the reply to EHLO; its first line is the server's name. Lines that mean nothing to us and
// malformed ones are left out: an extension counts only when it is offered properly.
Extensions ParseExtensions(const Reply& ehlo);

}  // namespace mailhaul::smtp
