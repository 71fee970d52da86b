#include "connectors/refusal_texts.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace mailhaul {
namespace {

constexpr std::array<std::string_view, 33> kTexts = {
    "too many connections",
    "too many simultaneous connections",
    "too many concurrent connections",
    "too many sessions",
    "too many login",
    "too many logon",
    "too many commands",
    "too many requests",
    "too many failed",
    "too many invalid",
    "maximum number of connections",
    "maximum connection limit",
    "connection limit exceeded",
    "limit of connections",
    "rate limit",
    "login limit",
    "login allowed only every",
    "logins too frequent",
    "login too frequent",
    "frequency of requests",
    "minimum interval between",
    "request is throttled",
    "bandwidth limit",
    "try again later",
    "try later",
    "temporarily unavailable",
    "temporarily locked",
    "service not available",
    "server is busy",
    "server busy",
    "server too busy",
    "system is overloaded",
    "user is authenticated but not connected",
};

}  // namespace

bool AsksForLess(std::string_view text) {
  const std::string lower = AsciiLowered(text);
  return std::any_of(kTexts.begin(), kTexts.end(), [&lower](std::string_view part) {
    return lower.find(part) != std::string::npos;
  });
}

}  // namespace mailhaul
