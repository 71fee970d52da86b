// Secrets that mailhaul has to keep itself, sealed, in the control shard: refresh tokens that their
// server has replaced, and mailboxes that were added while running, with their credentials.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/key_value_store.h"
#include "store/secret_box.h"

namespace mailhaul::store {

// What a mailbox's secrets are called before its full name, TENANT/ID: the token for its source and
// that for its submission server; and the definition of one that stands in no file. Removing a
// mailbox deletes them all.
inline constexpr std::string_view kSourceTokenPrefix = "oauth2/";
inline constexpr std::string_view kSubmissionTokenPrefix = "oauth2-submission/";
inline constexpr std::string_view kAddedMailboxPrefix = "mailbox/";

// Durable when it returns. On the committer's thread only. `name`: 1 to kControlNameBytesMax bytes;
// `secret`: at most 32 KiB.
Status SaveSecret(KeyValueStore& records, const SecretBox& box, std::string_view name,
                  std::string_view secret, Random& random);
struct NamedSecret {
  std::string name;
  Secret secret;
};
// The same of a few, at most kSecretsAtOnceMax, all or none.
inline constexpr size_t kSecretsAtOnceMax = 8;
Status SaveSecrets(KeyValueStore& records, const SecretBox& box,
                   std::span<const NamedSecret> secrets, Random& random);
// Durable when it returns, be it there or not. On the committer's thread only.
Status DeleteSecret(KeyValueStore& records, std::string_view name);
// Visits all whose names begin with `prefix`, by name; those that cannot be opened with their
// failure (SecretBox::Open). Blocks.
Status ReadSecrets(KeyValueStore& records, const SecretBox& box, std::string_view prefix,
                   const std::function<void(std::string_view name, Result<Secret> secret)>& visit);
// How many there are, be they readable or not. Blocks.
Result<size_t> CountSecrets(KeyValueStore& records, std::string_view prefix);
// Seals all that `from` opens with `to` instead; what is sealed with `to` already stays. Returns
// how many were sealed anew. When one can be opened with neither, nothing is changed. On the
// committer's thread only.
Result<size_t> SealAnew(KeyValueStore& records, const SecretBox& from, const SecretBox& to,
                        Random& random);

}  // namespace mailhaul::store
