// Secrets that mailhaul has to keep itself, sealed, in the control shard: refresh tokens that their
// server has replaced.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/key_value_store.h"
#include "store/secret_box.h"

namespace mailhaul::store {

// What a mailbox's tokens are called before its full name, TENANT/ID: that for its source and that
// for its submission server. Removing a mailbox deletes both.
inline constexpr std::string_view kSourceTokenPrefix = "oauth2/";
inline constexpr std::string_view kSubmissionTokenPrefix = "oauth2-submission/";

// Durable when it returns. On the committer's thread only. `name`: 1 to kControlNameBytesMax bytes;
// `secret`: at most 16 KiB.
Status SaveSecret(KeyValueStore& records, const SecretBox& box, std::string_view name,
                  std::string_view secret, Random& random);
// Visits all whose names begin with `prefix`, by name; those that cannot be opened with their
// failure (SecretBox::Open). Blocks.
Status ReadSecrets(KeyValueStore& records, const SecretBox& box, std::string_view prefix,
                   const std::function<void(std::string_view name, Result<Secret> secret)>& visit);
// Seals all that `from` opens with `to` instead; what is sealed with `to` already stays. Returns
// how many were sealed anew. When one can be opened with neither, nothing is changed. On the
// committer's thread only.
Result<size_t> SealAnew(KeyValueStore& records, const SecretBox& from, const SecretBox& to,
                        Random& random);

}  // namespace mailhaul::store
