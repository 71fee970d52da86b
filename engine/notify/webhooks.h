// Tells tenants' HTTP endpoints what the change log says.
//
// Each webhook follows the log of its tenant on its own: one POST at a time, so that the events of
// a mailbox arrive in order, tried again until it is taken, so that each arrives at least once.
// Nobody waits for it: ingest writes the log whether it is read or not. The position is durable
// after the endpoint took a POST; a crash in between repeats that POST with equal event ids. A new
// webhook begins behind what has happened. An endpoint that fails for long is tried once an hour
// for ever.
//
// Loop thread only. Store reads run on the read pool.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/work_pool.h"
#include "connectors/http_client.h"
#include "connectors/net/task.h"
#include "connectors/net/waker.h"
#include "engine/notify/webhook.h"
#include "store/mail_store.h"

namespace mailhaul::notify {

inline constexpr Duration kPostTime = std::chrono::seconds(30);  // Of one attempt, in all.
// The log is read at least so often: for changes that nobody told of.
inline constexpr Duration kPollTime = std::chrono::seconds(15);

// All of it outlives Webhooks.
struct WebhookContext {
  const store::MailStore& store;
  HttpClient& http;  // Of webhooks alone: Stop() aborts it.
  WorkPool& reads;
  WorkPool& writer;  // The committer's thread.
  // Makes a position durable. Runs on `writer`.
  std::function<Status(const std::string& name, const std::string& position)> save;
  const Clock& clock;
  Random& random;
};

struct WebhookState {
  std::string tenant;
  std::string host;
  std::vector<std::string> types;  // Empty: all.
  uint64_t posts = 0;              // Taken by the endpoint.
  uint64_t failures = 0;           // Attempts, since the start.
  uint64_t events = 0;             // Taken.
  uint32_t failing = 0;            // Attempts in a row that have failed; 0: all is well.
  // While failing.
  std::optional<WallTime> failing_since{};
  std::optional<WallTime> next_attempt{};
  Status last_failure{};  // Names no more of the URL than its host.
};

class Webhooks final {
 public:
  // `positions`: what was saved, by name. A webhook without one begins at the end that the log has
  // now: blocks on disk.
  Webhooks(WebhookContext context, std::vector<Webhook> webhooks,
           std::map<std::string, std::string> positions);
  ~Webhooks();
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  // Delivers until Stop(); completes when all deliveries have ended.
  net::Task<void> Run();
  // From now on these are the webhooks of `tenant`, each with another URL. Those that are the same
  // go on undisturbed. Those that are gone end, with the POST that is under way; one that has only
  // changed takes over where it was once it has ended.
  void SetTenant(const std::string& tenant, std::vector<Webhook> webhooks);
  void Stop();
  // The tenant's change log has grown.
  void OnChanges(std::string_view tenant);
  std::vector<WebhookState> States() const;

 private:
  struct Follower;
  struct Kept {  // Where a webhook that nobody follows now has got to.
    std::string position;
    bool saved = true;
    bool missed = false;
  };

  std::unique_ptr<Follower> NewFollower(Webhook webhook) const;
  void Place(Follower& follower);
  void Launch(Follower& follower);
  bool IsFollowed(const std::string& name) const;
  void Retire(Follower& follower);
  bool Ends(const Follower& follower) const;
  net::Task<void> Follow(Follower& follower);
  net::Task<bool> Begin(Follower& follower);
  net::Task<bool> Step(Follower& follower);
  net::Task<bool> Deliver(Follower& follower, std::vector<Event> events);
  net::Task<Status> Post(Follower& follower, const std::string& post_id, const std::string& body);
  net::Task<Status> Save(Follower& follower);
  void EndFailing(Follower& follower);
  net::Task<void> WaitToRetry(Follower& follower, const Status& failure);

  WebhookContext context_;
  std::vector<std::unique_ptr<Follower>> followers_;
  std::vector<std::unique_ptr<Follower>> ending_;  // Of webhooks that have changed or are gone.
  std::map<std::string, Kept> kept_;               // By name.
  bool running_ = false;
  bool stopping_ = false;
  net::OneShot<bool> stopped_;
  net::TaskGroup tasks_;
};

}  // namespace mailhaul::notify
