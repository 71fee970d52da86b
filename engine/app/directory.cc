#include "engine/app/directory.h"

#include <algorithm>
#include <utility>

#include "engine/app/mailbox_live.h"
#include "engine/app/metrics.h"
#include "engine/config/text_rules.h"
#include "engine/http/json.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::app {
namespace {

// Decoded text of one message in an answer; more is cut.
constexpr size_t kBodyBytesMax = size_t{4} << 20;

// What the scheduler does not know of: mailboxes that are kept from it, and open sessions.
http::Waiting WaitingOf(const MailboxState& mailbox, const scheduler::Explanation& why,
                        std::optional<WallTime> until) {
  const bool queued = why.cause != scheduler::WaitCause::kNothingQueued;
  if (!mailbox.no_room.empty() && !queued) {
    return {.cause = std::string(mailbox.no_room),
            .text = "It is not collected: " + mailbox.last_error.message() + "."};
  }
  http::Waiting waiting{
      .cause = std::string(ToString(why.cause)), .until = until, .text = why.text};
  if (mailbox.held_in.has_value()) {
    waiting.text = "Its session is open and waits for news.";
  }
  return waiting;
}

}  // namespace

CollectorDirectory::CollectorDirectory(const config::Config& config, Collector& collector,
                                       const Clock& clock)
    : collector_(collector), clock_(clock) {
  metrics_are_open_ = config.http.has_value() && config::IsLoopbackHost(config.http->address);
  for (const config::TenantConfig& tenant : config.tenants) {
    SetTenant(tenant);
  }
}

void CollectorDirectory::SetTenant(const config::TenantConfig& tenant) {
  if (names_.contains(tenant.name)) {
    RemoveTenant(tenant.name);
  }
  for (const config::Token& token : tenant.tokens) {
    const auto has = [&token](std::string_view scope) {
      return std::find(token.scopes.begin(), token.scopes.end(), scope) != token.scopes.end();
    };
    http::TokenGrant grant;
    grant.tenant = tenant.name;
    grant.read = has("read");
    grant.send = has("send");
    grant.admin = has("admin");
    tokens_.emplace(token.sha256, std::move(grant));
  }
  std::vector<std::string>& names = names_[tenant.name];
  for (const config::MailboxConfig& mailbox : tenant.mailboxes) {
    names.push_back(mailbox.id);
  }
  std::sort(names.begin(), names.end());
}

void CollectorDirectory::RemoveTenant(const std::string& tenant) {
  names_.erase(tenant);
  std::erase_if(tokens_, [&tenant](const auto& token) { return token.second.tenant == tenant; });
}

const http::TokenGrant* CollectorDirectory::FindToken(std::string_view sha256) const {
  const auto it = tokens_.find(sha256);
  return it == tokens_.end() ? nullptr : &it->second;
}

const std::vector<std::string>& CollectorDirectory::MailboxNames(std::string_view tenant) const {
  static const std::vector<std::string> kNone;
  const auto it = names_.find(tenant);
  return it == names_.end() ? kNone : it->second;
}

http::MailboxLive CollectorDirectory::Live(std::string_view tenant,
                                           std::string_view mailbox) const {
  http::MailboxLive live;
  const MailboxState* state = collector_.Find(tenant, mailbox);
  if (state == nullptr) {
    live.state = "pending";
    return live;
  }
  live.state = StateOf(*state);
  live.next_due_at = state->next_due;
  const scheduler::Explanation why = collector_.scheduler().Explain(state->id, clock_.Now());
  live.waiting = WaitingOf(*state, why, WallTimeOf(why.until));
  live.throttled =
      state->last_error.code() == Code::kThrottled || why.cause == scheduler::WaitCause::kThrottled;
  live.lag_seconds = LagSecondsOf(*state, clock_.WallNow());
  return live;
}

std::optional<WallTime> CollectorDirectory::WallTimeOf(TimePoint time) const {
  const TimePoint now = clock_.Now();
  if (time <= now || time == TimePoint::max()) {
    return std::nullopt;
  }
  return clock_.WallNow() + std::chrono::ceil<std::chrono::milliseconds>(time - now);
}

std::vector<http::PoolLive> CollectorDirectory::Pools(size_t first, size_t count) const {
  const scheduler::Scheduler& scheduler = collector_.scheduler();
  std::vector<http::PoolLive> pools;
  for (size_t i = first; i < scheduler.pool_count() && pools.size() < count; ++i) {
    const scheduler::PoolStats stats = scheduler.Pool(i, clock_.Now());
    const Collector::PoolNames names = collector_.NamesOf(stats.host, stats.egress);
    http::PoolLive pool;
    pool.host = names.host;
    pool.egress = names.egress;
    pool.limit = stats.connections_max;
    pool.configured_limit = names.connections_max;
    pool.connections = stats.connections;
    pool.waiting = stats.waiting;
    pool.cause = stats.cause == scheduler::WaitCause::kNone ? "" : ToString(stats.cause);
    pool.until = WallTimeOf(stats.blocked_until);
    for (const scheduler::JobKind kind : scheduler::kKinds) {
      const Duration service = stats.service_time[Index(kind)];
      pool.kinds.push_back(
          {.name = std::string(ToString(kind)), .grants = stats.grants[Index(kind)]});
      if (service > Duration::zero()) {
        pool.kinds.back().seconds = std::chrono::duration<double>(service).count();
      }
    }
    pool.blocked = stats.address_blocked;
    pool.throttles = stats.throttles;
    pool.outages = stats.outages;
    pool.logins = stats.logins;
    pool.day_bytes = stats.day.new_bytes + stats.day.bulk_bytes;
    pool.day_bytes_max = names.day_bytes_max;
    pools.push_back(std::move(pool));
  }
  return pools;
}

std::string CollectorDirectory::AllPoolsJson() const {
  const std::vector<http::PoolLive> pools = Pools(0, kPoolsToldMax);
  std::vector<std::string> items;
  for (const http::PoolLive& pool : pools) {
    items.push_back(http::PoolJson(pool));
  }
  const size_t left_out = collector_.scheduler().pool_count() - pools.size();
  return "{\"pools\":" + http::JsonArray(items) +
         ",\"pools_left_out\":" + std::to_string(left_out) + ",\"disk\":" + DiskJson() +
         ",\"configuration\":" + ConfigurationJson() + "}";
}

std::string CollectorDirectory::DiskJson() const {
  const Collector::DiskRoom disk = collector_.Disk();
  return "{\"free_bytes\":" +
         (disk.free_bytes.has_value() ? std::to_string(*disk.free_bytes) : "null") +
         ",\"collecting_paused\":" + (disk.collecting_paused ? "true" : "false") + "}";
}

std::string CollectorDirectory::ConfigurationJson() const {
  return reloader_ == nullptr ? "null" : reloader_->Json();
}

std::string CollectorDirectory::Metrics() const {
  return MetricsText(collector_, clock_.Now()) +
         (text_index_ == nullptr ? std::string() : text_index_->Metrics()) +
         (notifier_ == nullptr ? std::string() : notifier_->Metrics()) +
         (reloader_ == nullptr ? std::string() : reloader_->Metrics());
}

std::vector<http::WebhookLive> CollectorDirectory::Webhooks(std::string_view tenant) const {
  return notifier_ == nullptr ? std::vector<http::WebhookLive>() : notifier_->Live(tenant);
}

void CollectorDirectory::MarkActive(std::string_view tenant, std::string_view mailbox) {
  collector_.MarkActive(tenant, mailbox);
}

bool CollectorDirectory::Refresh(std::string_view tenant, std::string_view mailbox) {
  return collector_.Refresh(tenant, mailbox);
}

bool CollectorDirectory::FetchWhole(std::string_view tenant, std::string_view mailbox,
                                    MessageId message) {
  return collector_.FetchWhole(tenant, mailbox, message);
}

http::BodyDecoder::Text MimeBodyDecoder::Decode(const ByteSource& raw) const {
  mime::MessageText decoded = mime::DecodeText(raw, kBodyBytesMax);
  return {.text = std::move(decoded.text), .html = std::move(decoded.html)};
}

Result<std::string> MimeBodyDecoder::DecodeAttachment(const ByteSource& raw, size_t n) const {
  MH_ASSIGN_OR_RETURN(mime::DecodedAttachment attachment, mime::DecodeAttachment(raw, n));
  return std::move(attachment.bytes);
}

}  // namespace mailhaul::app
