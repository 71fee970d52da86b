#include "engine/app/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/app/mailbox_live.h"
#include "scheduler/lag_histogram.h"

namespace mailhaul::app {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Every fourth of the scheduler's buckets: each twice as wide as the one before.
constexpr size_t kBucketStep = 4;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

class Family final {
 public:
  Family(std::string name, std::string help, MetricType type) {
    family_.name = "mailhaul_" + std::move(name);
    family_.help = std::move(help);
    family_.type = type;
  }

  void Add(Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family_.metric.push_back(std::move(metric));
  }

  void Add(Labels labels, const scheduler::LagHistogram& lags) {
    ClientMetric metric;
    metric.label = std::move(labels);
    ClientMetric::Histogram& out = metric.histogram;
    for (size_t i = 0; i < scheduler::LagHistogram::kBuckets; ++i) {
      const bool last = i + 1 == scheduler::LagHistogram::kBuckets;
      const double bound = Seconds(scheduler::LagHistogram::UpperBound(i));
      out.sample_count += lags.bucket(i);
      out.sample_sum += static_cast<double>(lags.bucket(i)) * bound;
      if (i % kBucketStep == 0 || last) {
        out.bucket.push_back(
            {.cumulative_count = out.sample_count,
             .upper_bound = last ? std::numeric_limits<double>::infinity() : bound});
      }
    }
    family_.metric.push_back(std::move(metric));
  }

  prometheus::MetricFamily Take() { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
};

void AddTenants(const Collector& collector, std::vector<prometheus::MetricFamily>& out) {
  const scheduler::Scheduler& scheduler = collector.scheduler();
  Family lags("check_lag_seconds", "How far past its deadline a check was complete.",
              MetricType::Histogram);
  Family checks("checks_total", "Complete checks for new mail.", MetricType::Counter);
  Family misses("deadline_misses_total", "Grants made after their deadline.", MetricType::Counter);
  Family time("connection_seconds_total", "Time that ended grants held a connection.",
              MetricType::Counter);
  for (size_t i = 0; i < std::min(scheduler.tenant_count(), kMetricTenantsMax); ++i) {
    const scheduler::TenantStats stats = scheduler.Tenant(i);
    const Labels labels = {{"tenant", collector.NameOf(stats.tenant)}};
    lags.Add(labels, scheduler.Lags(i));
    checks.Add(labels, static_cast<double>(stats.checks));
    misses.Add(labels, static_cast<double>(stats.deadline_misses));
    time.Add(labels, Seconds(stats.connection_time));
  }
  for (Family* family : {&lags, &checks, &misses, &time}) {
    out.push_back(family->Take());
  }
}

void AddProgress(const Collector& collector, std::vector<prometheus::MetricFamily>& out) {
  Family messages("messages_collected_total", "Messages stored, or found to be there already.",
                  MetricType::Counter);
  Family bytes("bytes_fetched_total", "Of bodies of messages.", MetricType::Counter);
  messages.Add({}, static_cast<double>(collector.progress().messages_done.load()));
  bytes.Add({}, static_cast<double>(collector.progress().bytes_fetched.load()));
  out.push_back(messages.Take());
  out.push_back(bytes.Take());
}

void AddMailboxes(const Collector& collector, std::vector<prometheus::MetricFamily>& out) {
  std::map<std::string_view, std::map<std::string, uint64_t>> tenants;
  for (const auto& mailbox : collector.mailboxes()) {
    ++tenants[mailbox->tenant->name][LastStateOf(*mailbox)];
  }
  Family family("mailboxes", "By what their last visit came to.", MetricType::Gauge);
  size_t told = 0;
  for (const auto& [tenant, states] : tenants) {
    if (++told > kMetricTenantsMax) {
      break;
    }
    for (const auto& [state, count] : states) {
      family.Add({{"tenant", std::string(tenant)}, {"state", state}}, static_cast<double>(count));
    }
  }
  out.push_back(family.Take());
}

void AddQuotas(const Collector& collector, std::vector<prometheus::MetricFamily>& out) {
  Family bytes("tenant_bytes", "Stored for tenants that have a quota.", MetricType::Gauge);
  Family limit("tenant_quota_bytes", "Their quota.", MetricType::Gauge);
  Family over("tenant_over_quota", "1 while a tenant is not collected for lack of room.",
              MetricType::Gauge);
  const std::vector<Collector::QuotaUse> uses = collector.QuotaUses();
  for (size_t i = 0; i < std::min(uses.size(), kMetricTenantsMax); ++i) {
    const Labels labels = {{"tenant", uses[i].name}};
    bytes.Add(labels, static_cast<double>(uses[i].bytes));
    limit.Add(labels, static_cast<double>(uses[i].bytes_max));
    over.Add(labels, uses[i].bytes >= uses[i].bytes_max ? 1 : 0);
  }
  for (Family* family : {&bytes, &limit, &over}) {
    out.push_back(family->Take());
  }
}

void AddDisk(const Collector& collector, std::vector<prometheus::MetricFamily>& out) {
  Family free("disk_free_bytes", "Free on the disk of the data directory.", MetricType::Gauge);
  Family full("disk_full", "1 while nothing is collected for lack of room on the disk.",
              MetricType::Gauge);
  const Collector::DiskRoom disk = collector.Disk();
  if (disk.free_bytes.has_value()) {
    free.Add({}, static_cast<double>(*disk.free_bytes));
  }
  full.Add({}, disk.collecting_paused ? 1 : 0);
  out.push_back(free.Take());
  out.push_back(full.Take());
}

Labels With(Labels labels, const char* name, std::string_view value) {
  labels.push_back({name, std::string(value)});
  return labels;
}

struct PoolFamilies {
  Family window{"pool_window", "Connections it may use.", MetricType::Gauge};
  Family connections{"pool_connections", "Connections in use.", MetricType::Gauge};
  Family waiting{"pool_waiting", "Jobs that are due.", MetricType::Gauge};
  Family day_bytes{"pool_day_bytes", "Drawn of the day's bytes.", MetricType::Gauge};
  Family grants{"pool_grants_total", "Grants by kind.", MetricType::Counter};
  Family waits{"pool_waits_total", "Times due jobs came to wait, by cause.", MetricType::Counter};
  Family blocked{"pool_blocked", "1 while the host refuses the egress address.", MetricType::Gauge};
  Family throttles{"pool_throttles_total", "Times it was narrowed.", MetricType::Counter};
  Family outages{"pool_outages_total", "Times it was out of reach.", MetricType::Counter};
  Family logins{"pool_logins_total", "Logins granted.", MetricType::Counter};

  void Add(const Collector::PoolNames& names, const scheduler::PoolStats& stats) {
    const Labels labels = {{"host", names.host}, {"egress", names.egress}};
    window.Add(labels, stats.connections_max);
    connections.Add(labels, stats.connections);
    waiting.Add(labels, stats.waiting);
    if (names.day_bytes_max != 0) {
      day_bytes.Add(labels, static_cast<double>(stats.day.new_bytes + stats.day.bulk_bytes));
    }
    for (const scheduler::JobKind kind : scheduler::kKinds) {
      grants.Add(With(labels, "kind", ToString(kind)),
                 static_cast<double>(stats.grants[Index(kind)]));
    }
    for (size_t i = 0; i < scheduler::kWaitCauseCount; ++i) {
      if (stats.waits[i] != 0) {
        waits.Add(With(labels, "cause", ToString(static_cast<scheduler::WaitCause>(i))),
                  stats.waits[i]);
      }
    }
    blocked.Add(labels, stats.address_blocked ? 1 : 0);
    throttles.Add(labels, stats.throttles);
    outages.Add(labels, stats.outages);
    logins.Add(labels, static_cast<double>(stats.logins));
  }
};

void AddPools(const Collector& collector, TimePoint now,
              std::vector<prometheus::MetricFamily>& out) {
  const scheduler::Scheduler& scheduler = collector.scheduler();
  PoolFamilies pools;
  for (size_t i = 0; i < std::min(scheduler.pool_count(), kMetricPoolsMax); ++i) {
    const scheduler::PoolStats stats = scheduler.Pool(i, now);
    pools.Add(collector.NamesOf(stats.host, stats.egress), stats);
  }
  for (Family* family :
       {&pools.window, &pools.connections, &pools.waiting, &pools.day_bytes, &pools.grants,
        &pools.waits, &pools.blocked, &pools.throttles, &pools.outages, &pools.logins}) {
    out.push_back(family->Take());
  }
}

}  // namespace

std::string MetricsText(const Collector& collector, TimePoint now) {
  std::vector<prometheus::MetricFamily> families;
  AddTenants(collector, families);
  AddMailboxes(collector, families);
  AddProgress(collector, families);
  AddQuotas(collector, families);
  AddDisk(collector, families);
  AddPools(collector, now, families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace mailhaul::app
