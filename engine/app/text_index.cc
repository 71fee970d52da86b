#include "engine/app/text_index.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <utility>

#include "engine/app/metrics.h"

namespace mailhaul::app {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

prometheus::MetricFamily Counter(const char* name, const char* help, uint64_t value) {
  prometheus::MetricFamily family = Family(name, help, prometheus::MetricType::Counter);
  family.metric.emplace_back().counter.value = static_cast<double>(value);
  return family;
}

}  // namespace

TextIndex::TextIndex(const std::string& data_dir, std::vector<std::string> tenants,
                     store::MailStore& store, store::FileSystem& files, const Clock& clock,
                     const pipeline::Progress& progress)
    : tenants_(tenants),
      store_(store),
      clock_(clock),
      indexes_(data_dir + "/text", {}),
      indexer_(store, files, clock, indexes_),
      searcher_(store, clock, indexes_),
      thread_(indexer_, store, clock, std::move(tenants),
              [&progress] { return progress.messages_done.load(); }) {}

Result<http::TextHits> TextIndex::Find(const http::TextQuery& query) {
  search::Search search;
  search.tenant = query.tenant;
  search.mailbox = query.mailbox;
  search.text = query.text;
  search.after = query.after;
  search.before = query.before;
  search.limit = query.limit;
  if (query.behind.has_value()) {
    search.behind = search::Hit{.second = query.behind->date, .message = query.behind->id};
  }
  MH_ASSIGN_OR_RETURN(const search::Hits found, searcher_.Find(search));
  http::TextHits hits;
  hits.more = found.more;
  hits.items.reserve(found.items.size());
  for (const search::Hit& hit : found.items) {
    hits.items.push_back({.date = hit.second, .id = hit.message});
  }
  return hits;
}

std::optional<WallTime> TextIndex::IndexedTo(TenantId tenant) { return indexer_.IndexedTo(tenant); }

std::vector<std::string> TextIndex::Tenants() const {
  const std::lock_guard lock(mutex_);
  return tenants_;
}

std::optional<uint64_t> TextIndex::ReadTo(TenantId tenant, ShardId shard) const {
  const std::lock_guard lock(mutex_);
  const bool is_indexed = std::any_of(tenants_.begin(), tenants_.end(), [&](const auto& name) {
    return store_.FindTenant(name) == tenant;
  });
  return is_indexed ? std::optional(indexer_.ReadTo(tenant, shard)) : std::nullopt;
}

void TextIndex::AddTenant(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(tenants_.begin(), tenants_.end(), name) != tenants_.end()) {
      return;
    }
    tenants_.push_back(name);
  }
  thread_.AddTenant(name);
}

void TextIndex::RemoveTenant(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    std::erase(tenants_, name);
  }
  thread_.RemoveTenant(name);
}

void TextIndex::Delete(TenantId tenant, const std::vector<ShardId>& shards) {
  for (const ShardId shard : shards) {
    thread_.Delete({.shard = shard, .tenant = tenant});
  }
}

std::string TextIndex::Metrics() const {
  prometheus::MetricFamily lag =
      Family("mailhaul_text_lag_seconds", "Age of the newest moment up to which all is indexed.",
             prometheus::MetricType::Gauge);
  prometheus::MetricFamily building = Family(
      "mailhaul_text_building", "1 while a tenant's index does not hold all of its mail yet.",
      prometheus::MetricType::Gauge);
  const std::vector<std::string> tenants = Tenants();
  for (size_t i = 0; i < std::min(tenants.size(), kMetricTenantsMax); ++i) {
    const std::optional<TenantId> tenant = store_.FindTenant(tenants[i]);
    if (!tenant.has_value()) {
      continue;
    }
    const std::optional<WallTime> indexed_to = indexer_.IndexedTo(*tenant);
    prometheus::ClientMetric& is_building = building.metric.emplace_back();
    is_building.label = {{"tenant", tenants[i]}};
    is_building.gauge.value = indexed_to.has_value() ? 0 : 1;
    if (indexed_to.has_value()) {
      prometheus::ClientMetric& seconds = lag.metric.emplace_back();
      seconds.label = {{"tenant", tenants[i]}};
      seconds.gauge.value = std::chrono::duration<double>(clock_.WallNow() - *indexed_to).count();
    }
  }
  const search::IndexerStats stats = indexer_.stats();
  return prometheus::TextSerializer().Serialize(
      {lag, building,
       Counter("mailhaul_text_messages_total", "Messages put into an index.", stats.messages),
       Counter("mailhaul_text_bodies_unread_total", "Messages indexed without their bodies.",
               stats.bodies_unread),
       Counter("mailhaul_text_rebuilds_total", "Indexes deleted to be built anew.",
               stats.rebuilds)});
}

}  // namespace mailhaul::app
