#include "engine/app/watch_answer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/units.h"
#include "engine/app/mailbox_live.h"
#include "engine/http/json.h"

namespace mailhaul::app {
namespace {

namespace json = boost::json;

struct Counts {
  uint64_t mailboxes = 0;
  uint64_t collecting = 0;
  uint64_t pending = 0;  // Never completely checked.
  uint64_t late = 0;
  uint64_t trouble = 0;
  int64_t lag_seconds = 0;  // The longest.
  uint64_t checks = 0;

  void Add(const MailboxState& mailbox, WallTime now) {
    const std::optional<int64_t> lag = LagSecondsOf(mailbox, now);
    ++mailboxes;
    collecting += mailbox.phase == MailboxState::Phase::kCollecting ? 1 : 0;
    pending += lag.has_value() ? 0 : 1;
    late += lag.value_or(0) > 0 ? 1 : 0;
    trouble += IsInTrouble(mailbox) ? 1 : 0;
    lag_seconds = std::max(lag_seconds, lag.value_or(0));
  }
};

json::string Text(std::string_view text) { return json::string(ToValidUtf8(text)); }

// The first `count` of `all` in the order of `before`; returns how many are left out.
template <typename T, typename Before>
size_t KeepFirst(std::vector<T>& all, size_t count, Before before) {
  const size_t kept = std::min(all.size(), count);
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                    before);
  const size_t left_out = all.size() - kept;
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(kept), all.end());
  return left_out;
}

void AddTenants(std::map<std::string_view, Counts> tenants, json::object& out) {
  std::vector<std::pair<std::string_view, Counts>> all(tenants.begin(), tenants.end());
  out["tenants_left_out"] = KeepFirst(all, kTenantsWatchedMax, [](const auto& a, const auto& b) {
    const auto rank = [](const auto& tenant) {
      return std::tuple(-tenant.second.lag_seconds, -static_cast<int64_t>(tenant.second.trouble),
                        tenant.first);
    };
    return rank(a) < rank(b);
  });
  json::array list;
  for (const auto& [name, counts] : all) {
    list.push_back({{"name", Text(name)},
                    {"mailboxes", counts.mailboxes},
                    {"pending", counts.pending},
                    {"late", counts.late},
                    {"trouble", counts.trouble},
                    {"lag_seconds", counts.lag_seconds},
                    {"checks", counts.checks}});
  }
  out["tenants"] = std::move(list);
}

void AddTroubles(std::vector<const MailboxState*> troubled, json::object& out) {
  out["troubles_left_out"] =
      KeepFirst(troubled, kTroublesWatchedMax, [](const MailboxState* a, const MailboxState* b) {
        const auto rank = [](const MailboxState& mailbox) {
          return std::tuple(mailbox.last_error.code() != Code::kAuthFailed,
                            -static_cast<int64_t>(mailbox.attempts),
                            std::string_view(mailbox.tenant->name),
                            std::string_view(mailbox.config->id));
        };
        return rank(*a) < rank(*b);
      });
  json::array list;
  for (const MailboxState* mailbox : troubled) {
    const std::string_view detail = mailbox->last_error.message();
    list.push_back({{"mailbox", Text(mailbox->FullName())},
                    {"state", StateOf(*mailbox)},
                    {"attempts", mailbox->attempts},
                    {"detail", Text(Utf8Prefix(detail, kTroubleBytesMax))}});
  }
  out["troubles"] = std::move(list);
}

// The rest of the object, of parts that are JSON already.
std::string PoolsAndMore(const CollectorDirectory& directory) {
  std::vector<http::PoolLive> pools = directory.Pools(0, kPoolsToldMax);
  const size_t all = directory.PoolCount();
  KeepFirst(pools, kPoolsWatchedMax, [](const http::PoolLive& a, const http::PoolLive& b) {
    const auto rank = [](const http::PoolLive& pool) {
      return std::tuple(!pool.blocked, pool.cause.empty(), -static_cast<int64_t>(pool.waiting),
                        -static_cast<int64_t>(pool.connections), std::string_view(pool.host),
                        std::string_view(pool.egress));
    };
    return rank(a) < rank(b);
  });
  std::vector<std::string> items;
  for (const http::PoolLive& pool : pools) {
    items.push_back(http::PoolJson(pool));
  }
  return ",\"pools\":" + http::JsonArray(items) +
         ",\"pools_left_out\":" + std::to_string(all - pools.size()) +
         ",\"disk\":" + directory.DiskJson() +
         ",\"configuration\":" + directory.ConfigurationJson() + "}";
}

}  // namespace

std::string WatchJson(const WatchSources& sources) {
  const Collector& collector = sources.collector;
  const WallTime now = sources.clock.WallNow();
  Counts total;
  std::map<std::string_view, Counts> tenants;
  std::vector<const MailboxState*> troubled;
  for (const auto& mailbox : collector.mailboxes()) {
    total.Add(*mailbox, now);
    tenants[mailbox->tenant->name].Add(*mailbox, now);
    if (IsInTrouble(*mailbox)) {
      troubled.push_back(mailbox.get());
    }
  }
  const scheduler::Scheduler& scheduler = collector.scheduler();
  for (size_t i = 0; i < scheduler.tenant_count(); ++i) {
    const scheduler::TenantStats stats = scheduler.Tenant(i);
    total.checks += stats.checks;
    if (const auto it = tenants.find(collector.NameOf(stats.tenant)); it != tenants.end()) {
      it->second.checks = stats.checks;
    }
  }
  const auto at =
      std::chrono::duration_cast<std::chrono::milliseconds>(sources.clock.Now().time_since_epoch());
  json::object out{{"watch", 1},
                   {"started", FormatRfc3339(sources.started)},
                   {"at_ms", at.count()},
                   {"messages", sources.progress.messages_done.load()},
                   {"bytes", sources.progress.bytes_fetched.load()},
                   {"checks", total.checks},
                   {"mailboxes",
                    {{"total", total.mailboxes},
                     {"collecting", total.collecting},
                     {"pending", total.pending},
                     {"late", total.late},
                     {"trouble", total.trouble}}}};
  AddTenants(std::move(tenants), out);
  AddTroubles(std::move(troubled), out);
  std::string text = json::serialize(out);
  text.pop_back();
  return text + PoolsAndMore(sources.directory);
}

}  // namespace mailhaul::app
