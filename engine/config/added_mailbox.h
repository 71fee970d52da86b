// One mailbox that is added while the server runs: the same as an entry of `mailboxes` in a tenant
// file, in JSON, by the same readers.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/config/config.h"

namespace mailhaul::config {

inline constexpr size_t kMailboxBodyBytesMax = size_t{16} << 10;

struct FieldProblem {
  std::string field;    // "source.port"; "" of the body as a whole.
  std::string message;  // No secret, and outside text only escaped.
};

struct RefusedBody {
  bool is_json = true;
  std::vector<FieldProblem> problems;  // One at least.
};

// What `body` says, with `added` and a fingerprint. References to the environment and to files are
// refused. `id`: "" for what the body says, else a name, and the body may say nothing else. Without
// either it is the address, or made of it: the same address gets the same id. Its source has no
// host when neither the body nor a profile has one.
std::variant<MailboxConfig, RefusedBody> ReadMailboxBody(std::string_view body, std::string_view id,
                                                         const Providers& providers);

// What is to be kept of it: the body, which was read, and the servers that autodiscovery has found
// where it names none. Holds secrets.
std::string EncodeAdded(std::string_view body, const MailboxConfig& mailbox);
// kCorrupt: not so encoded, or this version has stricter rules; the message says which.
Result<MailboxConfig> DecodeAdded(std::string_view record, std::string_view id,
                                  const Providers& providers);

}  // namespace mailhaul::config
