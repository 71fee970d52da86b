// LIST and UIDL of the whole maildrop.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "connectors/pop3/connection.h"
#include "connectors/pop3/uidl_directory.h"

namespace mailhaul::pop3 {

struct NumberedSize {
  uint32_t number = 0;
  uint64_t size = 0;
};
// By number. kServerRefused when the server does; kProtocol when it lists what is no listing.
net::Task<Result<std::vector<NumberedSize>>> ListSizes(Connection& connection);

struct NumberedKey {
  uint32_t number = 0;
  bool unusable = false;  // No unique id that could be used: `key` is zero.
  UidlKey key{};          // KeyKind::kUniqueId.
};
// By number; the same failures.
net::Task<Result<std::vector<NumberedKey>>> ListUniqueIds(Connection& connection);

}  // namespace mailhaul::pop3
