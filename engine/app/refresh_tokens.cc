#include "engine/app/refresh_tokens.h"

#include <utility>

#include "store/sha256.h"

namespace mailhaul::app {

std::string HashOfToken(const Secret& token) {
  const store::Sha256 digest = store::ComputeSha256(token.Reveal());
  return std::string(digest.begin(), digest.end());
}

Secret KeptToken(const Secret& configured, const Secret& now) {
  const std::string hash = HashOfToken(configured);
  std::string text;
  text.reserve(hash.size() + now.Reveal().size());  // Grown, it would leave copies.
  text.append(hash).append(now.Reveal());
  return Secret(std::move(text));
}

}  // namespace mailhaul::app
