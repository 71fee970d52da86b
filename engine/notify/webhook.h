// The wire form of a webhook's POST: body, signature as of Standard Webhooks, and when to try
// again. No I/O.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "store/change_log.h"

namespace mailhaul::notify {

inline constexpr size_t kEventsPerPostMax = 100;
inline constexpr std::chrono::seconds kRetryFirst{5};
inline constexpr std::chrono::seconds kRetryMax{3600};  // Of Retry-After too.
inline constexpr std::string_view kIdField = "webhook-id";
inline constexpr std::string_view kTimestampField = "webhook-timestamp";
inline constexpr std::string_view kSignatureField = "webhook-signature";

struct Webhook {
  std::string tenant;
  std::string url;
  Secret secret;                    // "whsec_" and the key in base64, or the key itself.
  std::vector<std::string> events;  // Names of change types; empty: all.

  // What the position is kept under: changes with tenant and URL only, and tells no URL.
  std::string Name() const;
  // For logs, answers and metrics: the host, since paths and queries may hold secrets.
  std::string Host() const;
  bool Wants(store::ChangeEntry::Type type) const;
  bool IsSame(const Webhook& other) const;  // In all.
};

struct Event {
  store::Change change;
  std::string mailbox;  // Its name.
};
// The seq that /v1/changes gives it.
std::string EventId(const Event& event);
// The same for the same events, and no others.
std::string PostId(const std::vector<Event>& events);
// {"tenant","events":[{"id","type","mailbox","message","submission"}],"missed"}. `missed`: changes
// before these were dropped before they could be sent.
std::string BodyOf(const Webhook& webhook, const std::vector<Event>& events, bool missed);

int64_t SecondsOf(WallTime time);
// "v1,BASE64": HMAC-SHA256 over "POST_ID.SECONDS.BODY".
std::string SignatureOf(const Secret& secret, std::string_view post_id, int64_t seconds,
                        std::string_view body);

// How long to wait after `failures` failed attempts, at least 1: doubled each time, half of it
// random, and no less than the server asked for.
Duration RetryDelay(uint32_t failures, std::chrono::seconds retry_after, Random& random);

}  // namespace mailhaul::notify
