// What the token endpoint of an OAuth 2.0 server answers (RFC 6749 sections 5.1 and 5.2), without
// I/O.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "connectors/http_client.h"

namespace mailhaul {

inline constexpr size_t kTokenAnswerBytesMax = 64 * 1024;
inline constexpr size_t kTokenBytesMax = 16 * 1024;
// Of an answer without expires_in, and the bound of what it may say.
inline constexpr std::chrono::seconds kTokenLifetimeDefault{600};
inline constexpr std::chrono::seconds kTokenLifetimeMax{24 * 3600};

struct TokenAnswer {
  Secret access_token;
  std::chrono::seconds lifetime = kTokenLifetimeDefault;  // At least 1 s.
  Secret refresh_token;  // Empty: the one that was sent stays valid.
};

// The tokens, or who must act:
//   kAuthFailed       the grant or the client is refused: the user must authorise again, or mend
//                     client_id and client_secret
//   kThrottled        429, 5xx, temporarily_unavailable, slow_down, ...; with retry_after if told
//   kInvalidArgument  the request itself is refused: scope, token_url
//   kProtocol         anything that is not an answer of a token endpoint
// Messages quote the server's error and description, but not if they repeat one of the tokens or
// `withheld`.
Result<TokenAnswer> ReadTokenAnswer(const HttpAnswer& answer, const Secret& refresh_token,
                                    const Secret& withheld);

}  // namespace mailhaul
