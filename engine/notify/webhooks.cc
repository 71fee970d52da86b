#include "engine/notify/webhooks.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "connectors/net/run_on.h"

namespace mailhaul::notify {
namespace {

struct Page {
  std::vector<Event> events;  // Those that the webhook wants.
  store::ChangePosition position;
  bool more = false;
};

Result<store::ChangePosition> EndOf(const store::MailStore& store, const std::string& name) {
  const std::optional<TenantId> tenant = store.FindTenant(name);
  return tenant.has_value() ? store.EndOfChanges(*tenant) : store::ChangePosition();
}

Result<Page> ReadPage(const store::MailStore& store, const Webhook& webhook,
                      const store::ChangePosition& after) {
  Page page;
  page.position = after;
  const std::optional<TenantId> tenant = store.FindTenant(webhook.tenant);
  if (!tenant.has_value()) {
    return page;
  }
  MH_ASSIGN_OR_RETURN(const store::ChangePage read,
                      store.ListChanges(*tenant, after, kEventsPerPostMax));
  for (const store::Change& change : read.changes) {
    if (webhook.Wants(change.entry.type)) {
      page.events.push_back({.change = change, .mailbox = store.NameOf(change.entry.mailbox)});
    }
  }
  page.position = read.position;
  page.more = read.more;
  return page;
}

}  // namespace

struct Webhooks::Follower {
  Webhook webhook;
  std::string name;
  std::optional<store::ChangePosition> position;
  bool saved = false;   // `position`, or one before it.
  bool missed = false;  // To be told with the next POST.
  WebhookState state;
  TimePoint saved_at{};
  bool launched = false;  // False: waits for the end of another of its name.
  bool ending = false;
  net::Waker waker;  // New changes, or ending.

  std::string Label() const {
    return "webhook of tenant " + webhook.tenant + " at " + EscapeForLog(webhook.Host());
  }
};

Webhooks::Webhooks(WebhookContext context, std::vector<Webhook> webhooks,
                   std::map<std::string, std::string> positions)
    : context_(std::move(context)) {
  for (auto& [name, position] : positions) {
    kept_[name].position = std::move(position);
  }
  for (Webhook& webhook : webhooks) {
    followers_.push_back(NewFollower(std::move(webhook)));
    Follower& follower = *followers_.back();
    Place(follower);
    if (follower.position.has_value()) {
      continue;
    }
    Result<store::ChangePosition> end = EndOf(context_.store, follower.webhook.tenant);
    if (end.ok()) {  // Else Begin() asks again.
      follower.position = *std::move(end);
    }
  }
}

Webhooks::~Webhooks() = default;

std::unique_ptr<Webhooks::Follower> Webhooks::NewFollower(Webhook webhook) const {
  auto follower = std::make_unique<Follower>();
  follower->webhook = std::move(webhook);
  follower->name = follower->webhook.Name();
  follower->state.tenant = follower->webhook.tenant;
  follower->state.host = follower->webhook.Host();
  follower->state.types = follower->webhook.events;
  return follower;
}

void Webhooks::Place(Follower& follower) {
  const auto kept = kept_.find(follower.name);
  if (kept == kept_.end()) {
    return;
  }
  Result<store::ChangePosition> position = store::ChangePosition::Decode(kept->second.position);
  if (position.ok()) {
    follower.position = *std::move(position);
    follower.saved = kept->second.saved;
    follower.missed = kept->second.missed;
  } else {
    LogError("the " + follower.Label() + " begins anew: its position is damaged");
    follower.missed = true;
  }
  kept_.erase(kept);
}

net::Task<void> Webhooks::Run() {
  running_ = true;
  for (const std::unique_ptr<Follower>& follower : followers_) {
    Launch(*follower);
  }
  if (!stopping_) {
    const bool stopped = co_await stopped_.Wait();
    static_cast<void>(stopped);
  }
  co_await tasks_.Drain();
}

void Webhooks::Launch(Follower& follower) {
  follower.launched = true;
  tasks_.Spawn(Follow(follower));
}

bool Webhooks::IsFollowed(const std::string& name) const {
  return std::any_of(
      ending_.begin(), ending_.end(),
      [&name](const std::unique_ptr<Follower>& follower) { return follower->name == name; });
}

bool Webhooks::Ends(const Follower& follower) const { return stopping_ || follower.ending; }

void Webhooks::SetTenant(const std::string& tenant, std::vector<Webhook> webhooks) {
  if (stopping_) {
    return;
  }
  std::vector<std::unique_ptr<Follower>> before;
  std::vector<std::unique_ptr<Follower>> others;
  for (std::unique_ptr<Follower>& follower : followers_) {
    (follower->webhook.tenant == tenant ? before : others).push_back(std::move(follower));
  }
  followers_ = std::move(others);
  std::vector<Follower*> added;
  for (Webhook& webhook : webhooks) {
    const auto same = std::find_if(
        before.begin(), before.end(), [&webhook](const std::unique_ptr<Follower>& follower) {
          return follower != nullptr && follower->webhook.IsSame(webhook);
        });
    if (same != before.end()) {
      followers_.push_back(std::move(*same));
      continue;
    }
    followers_.push_back(NewFollower(std::move(webhook)));
    added.push_back(followers_.back().get());
  }
  for (std::unique_ptr<Follower>& follower : before) {
    if (follower != nullptr && follower->launched) {
      follower->ending = true;
      follower->waker.Wake();
      ending_.push_back(std::move(follower));
    }
  }
  for (Follower* const follower : added) {
    if (!IsFollowed(follower->name)) {
      Place(*follower);
      if (running_) {
        Launch(*follower);
      }
    }
  }
}

// It has ended; whoever waited for that goes on.
void Webhooks::Retire(Follower& follower) {
  const std::string name = follower.name;
  if (follower.position.has_value()) {
    kept_[name] = {.position = follower.position->Encode(),
                   .saved = follower.saved,
                   .missed = follower.missed};
  }
  std::erase_if(ending_, [&follower](const std::unique_ptr<Follower>& each) {
    return each.get() == &follower;
  });
  for (const std::unique_ptr<Follower>& next : followers_) {
    if (next->name == name && !next->launched) {
      Place(*next);
      Launch(*next);
    }
  }
}

void Webhooks::Stop() {
  if (std::exchange(stopping_, true)) {
    return;
  }
  context_.http.Abort();
  for (const auto* list : {&followers_, &ending_}) {
    for (const std::unique_ptr<Follower>& follower : *list) {
      follower->waker.Wake();
    }
  }
  stopped_.Set(true);
}

void Webhooks::OnChanges(std::string_view tenant) {
  for (const std::unique_ptr<Follower>& follower : followers_) {
    // While it waits to try again its endpoint is to be left alone.
    if (follower->webhook.tenant == tenant && follower->state.failing == 0) {
      follower->waker.Wake();
    }
  }
}

std::vector<WebhookState> Webhooks::States() const {
  std::vector<WebhookState> states;
  for (const std::unique_ptr<Follower>& follower : followers_) {
    states.push_back(follower->state);
  }
  return states;
}

net::Task<void> Webhooks::Follow(Follower& follower) {
  while (!Ends(follower)) {
    const bool begun = co_await Begin(follower);
    if (!begun || Ends(follower)) {
      continue;
    }
    const bool more = co_await Step(follower);
    if (!more && !Ends(follower)) {
      const TimePoint when = net::Loop::Current()->Now() + kPollTime;
      co_await follower.waker.WaitUntil(when);
    }
  }
  if (!stopping_) {
    Retire(follower);  // Which is the end of it.
  }
}

// Whether the position is known and durable: nothing is sent before, or what happens meanwhile
// would be lost with a crash.
net::Task<bool> Webhooks::Begin(Follower& follower) {
  if (!follower.position.has_value()) {
    const store::MailStore* store = &context_.store;
    const std::string tenant = follower.webhook.tenant;
    std::function<Result<store::ChangePosition>()> work = [store, tenant] {
      return EndOf(*store, tenant);
    };
    Result<store::ChangePosition> end =
        co_await net::RunOn<Result<store::ChangePosition>>(context_.reads, std::move(work));
    if (!end.ok()) {
      co_await WaitToRetry(follower, end.status());
      co_return false;
    }
    follower.position = *std::move(end);
  }
  if (!follower.saved) {
    const Status saved = co_await Save(follower);
    if (!saved.ok()) {
      co_await WaitToRetry(follower, saved);
      co_return false;
    }
    follower.saved = true;
  }
  co_return true;
}

// Returns whether there is more to deliver at once.
net::Task<bool> Webhooks::Step(Follower& follower) {
  const store::MailStore* store = &context_.store;
  const Webhook* webhook = &follower.webhook;
  std::function<Result<Page>()> work = [store, webhook, after = *follower.position] {
    return ReadPage(*store, *webhook, after);
  };
  Result<Page> page = co_await net::RunOn<Result<Page>>(context_.reads, std::move(work));
  if (page.status().code() == Code::kNotFound) {
    LogWarning("the " + follower.Label() +
               " was out of reach for so long that changes were dropped: it misses some");
    follower.missed = true;
    follower.position.reset();
    follower.saved = false;
    co_return true;  // Begins again.
  }
  if (!page.ok()) {
    co_await WaitToRetry(follower, page.status());
    co_return true;
  }
  EndFailing(follower);  // To read the log; the endpoint's own ended with its delivery.
  const bool delivers = !page->events.empty();
  if (delivers) {
    const bool taken = co_await Deliver(follower, std::move(page->events));
    if (!taken) {
      co_return false;
    }
    follower.missed = false;
  }
  const bool moved = page->position.Encode() != follower.position->Encode();
  follower.position = std::move(page->position);
  // What it does not want may pass by unsaved for a while: it is only read again.
  const TimePoint now = net::Loop::Current()->Now();
  if (moved && (delivers || now - follower.saved_at >= kPollTime)) {
    const Status saved = co_await Save(follower);
    static_cast<void>(saved);  // At worst a restart sends these again.
  }
  co_return page->more;
}

// False only when it ends.
net::Task<bool> Webhooks::Deliver(Follower& follower, std::vector<Event> events) {
  const std::string post_id = PostId(events);
  const std::string body = BodyOf(follower.webhook, events, follower.missed);
  while (!Ends(follower)) {
    const Status posted = co_await Post(follower, post_id, body);
    if (posted.ok()) {
      EndFailing(follower);
      ++follower.state.posts;
      follower.state.events += events.size();
      co_return true;
    }
    if (!Ends(follower)) {
      co_await WaitToRetry(follower, posted);
    }
  }
  co_return false;
}

net::Task<Status> Webhooks::Post(Follower& follower, const std::string& post_id,
                                 const std::string& body) {
  // Of this attempt: endpoints refuse what is old, against repetition by others.
  const int64_t seconds = SecondsOf(context_.clock.WallNow());
  HttpRequest request;
  request.method = "POST";
  request.url = follower.webhook.url;
  request.headers = {
      {"Content-Type", "application/json"},
      {std::string(kIdField), post_id},
      {std::string(kTimestampField), std::to_string(seconds)},
      {std::string(kSignatureField), SignatureOf(follower.webhook.secret, post_id, seconds, body)}};
  request.body = Secret(body);
  const TimePoint deadline = net::Loop::Current()->Now() + kPostTime;
  const Result<HttpAnswer> answer = co_await context_.http.Fetch(std::move(request), deadline);
  if (!answer.ok()) {
    co_return answer.status();
  }
  if (answer->status >= 200 && answer->status < 300) {
    co_return Status::Ok();
  }
  const Status refused(Code::kServerRefused,
                       "it answered with status " + std::to_string(answer->status));
  co_return refused.WithRetryAfter(answer->retry_after);
}

void Webhooks::EndFailing(Follower& follower) {
  WebhookState& state = follower.state;
  if (state.failing > 0) {
    LogInfo("the " + follower.Label() + " takes events again");
  }
  state.failing = 0;
  state.failing_since.reset();
  state.next_attempt.reset();
  state.last_failure = Status();
}

net::Task<Status> Webhooks::Save(Follower& follower) {
  std::function<Status()> work = [this, name = follower.name,
                                  position = follower.position->Encode()] {
    return context_.save(name, position);
  };
  const Status status = co_await net::RunOn<Status>(context_.writer, std::move(work));
  follower.saved_at = net::Loop::Current()->Now();
  if (!status.ok()) {
    LogWarning("the position of the " + follower.Label() + " is not saved: " + status.ToString());
  }
  co_return status;
}

net::Task<void> Webhooks::WaitToRetry(Follower& follower, const Status& failure) {
  WebhookState& state = follower.state;
  ++state.failures;
  ++state.failing;
  if (state.failing == 1) {
    state.failing_since = context_.clock.WallNow();
  }
  state.last_failure = failure;
  const auto retry_after = std::chrono::ceil<std::chrono::seconds>(failure.retry_after());
  const Duration delay = RetryDelay(follower.state.failing, retry_after, context_.random);
  // Once at first, then whenever the doubling makes it rare.
  if ((follower.state.failing & (follower.state.failing - 1)) == 0) {
    LogWarning("the " + follower.Label() + " has failed " + std::to_string(follower.state.failing) +
               " times in a row, events wait: " + failure.ToString());
  }
  const TimePoint when = net::Loop::Current()->Now() + delay;
  state.next_attempt =
      context_.clock.WallNow() + std::chrono::ceil<std::chrono::milliseconds>(delay);
  while (!Ends(follower) && net::Loop::Current()->Now() < when) {
    co_await follower.waker.WaitUntil(when);
  }
}

}  // namespace mailhaul::notify
