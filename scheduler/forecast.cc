#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "scheduler/planner.h"
#include "scheduler/virtual_world.h"

namespace mailhaul::scheduler {
namespace {

constexpr double kSecondsPerDay = 86'400;
constexpr double kLagSecondsMin = 0.001;  // Less is rounding.

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration FromSeconds(double seconds) {
  return Duration(static_cast<Duration::rep>(std::llround(seconds * 1e9)));
}

using PoolKey = std::pair<uint32_t, EgressId>;
using GroupKey = std::tuple<uint32_t, EgressId, uint32_t, Duration>;

// Nearest rank; sorts. 0 of nothing.
double Percentile(std::vector<double>& values, double share) {
  if (values.empty()) {
    return 0;
  }
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

// What a day's bytes leave to backfill: not what arrives, and not the reserve for it (DrawBytes()).
double LeftByDay(uint64_t limit, uint64_t arrives) {
  const auto bytes = static_cast<double>(limit);
  return std::max(std::min(bytes * 4 / 5, bytes - static_cast<double>(arrives)), 1.0);
}

struct Group {
  GroupForecast forecast;
  std::vector<double> ages;
  uint64_t backfilled = 0;
  TimePoint backfill_done{};
  double backfill_days_min = 0;  // By the mailboxes' own bytes per day.
};

struct Pool {
  PoolForecast forecast;
  Duration busy{};
  uint64_t logins = 0;
  uint64_t backfilled = 0;
  uint64_t new_bytes_per_day = 0;
  bool backfills = false;
  double sessions = 0;  // Connections that the promises keep busy.
  double logins_per_second = 0;
};

class Gathering final {
 public:
  Gathering(const World& world, const VirtualWorld& run) : world_(world), run_(run) {}

  Forecast Make(bool complete) {
    for (uint32_t i = 0; i < world_.mailboxes.size(); ++i) {
      AddMailbox(i);
    }
    for (const VirtualWorld::Sample& sample : run_.samples()) {
      GroupOf(sample.mailbox).ages.push_back(sample.age_seconds);
    }
    Forecast forecast;
    forecast.complete = complete;
    forecast.observed = run_.observed();
    forecast.checks = run_.samples().size();
    for (auto& [key, pool] : pools_) {
      FinishPool(pool);
      forecast.pools.push_back(pool.forecast);
    }
    for (auto& [key, group] : groups_) {
      FinishGroup(group);
      forecast.holds = forecast.holds && group.forecast.holds;
      forecast.groups.push_back(group.forecast);
    }
    return forecast;
  }

 private:
  Group& GroupOf(uint32_t mailbox) {
    const WorldMailbox& given = world_.mailboxes[mailbox];
    return groups_[{given.host, run_.figures(mailbox).egress, given.tenant, given.freshness}];
  }

  void AddMailbox(uint32_t index) {
    const WorldMailbox& given = world_.mailboxes[index];
    const VirtualWorld::Figures& figures = run_.figures(index);
    Group& group = GroupOf(index);
    group.forecast.host = given.host;
    group.forecast.egress = figures.egress;
    group.forecast.tenant = given.tenant;
    group.forecast.freshness = given.freshness;
    ++group.forecast.mailboxes;
    group.forecast.checks += figures.checks;
    group.forecast.backfill_bytes += given.backfill_bytes;
    group.backfilled += figures.backfilled;
    if (given.backfill_bytes > 0) {
      group.backfill_done = std::max(group.backfill_done, figures.backfill_done);
      group.backfill_days_min = std::max(group.backfill_days_min, DaysAlone(given));
    }
    if (figures.checks == 0) {
      group.ages.push_back(Seconds(run_.now() - figures.last_complete));
    }
    Pool& pool = pools_[{given.host, figures.egress}];
    pool.forecast.host = given.host;
    pool.forecast.egress = figures.egress;
    ++pool.forecast.mailboxes;
    pool.busy += figures.busy;
    pool.logins += figures.logins;
    pool.backfilled += figures.backfilled;
    pool.new_bytes_per_day += given.new_bytes_per_day;
    pool.backfills = pool.backfills || given.backfill_bytes > 0;
    const ServiceTimes& times = world_.hosts[given.host].times;
    const double checks = 1 / Seconds(given.freshness);
    pool.sessions += Seconds(times.Session()) * checks +
                     static_cast<double>(given.new_bytes_per_day) / kSecondsPerDay /
                         static_cast<double>(times.bytes_per_second);
    pool.logins_per_second += checks;
  }

  void FinishPool(Pool& pool) const {
    const HostLimits& limits = world_.hosts[pool.forecast.host].limits;
    const double observed = std::max(Seconds(run_.observed()), 1e-9);
    // Backfill's guaranteed share of the time, and of the logins where these are scarce.
    const double others = std::max<uint32_t>(world_.options.backfill_share_inverse, 3) - 1;
    const double guaranteed = pool.backfills ? pool.sessions / others : 0;
    const double slices = pool.backfills ? pool.logins_per_second / others : 0;
    pool.forecast.load.connections = (pool.sessions + guaranteed) / limits.connections;
    pool.forecast.load.logins = (pool.logins_per_second + slices) / limits.logins_per_second;
    pool.forecast.busy = Seconds(pool.busy) / observed / limits.connections;
    pool.forecast.logins_per_second = static_cast<double>(pool.logins) / observed;
  }

  void FinishGroup(Group& group) {
    GroupForecast& forecast = group.forecast;
    const double observed = std::max(Seconds(run_.observed()), 1e-9);
    const double freshness = Seconds(forecast.freshness);
    const auto lag = [freshness](double age) {
      return FromSeconds(age - freshness < kLagSecondsMin ? 0 : age - freshness);
    };
    const double age_p99 = Percentile(group.ages, 0.99);
    forecast.age_p99 = FromSeconds(age_p99);
    forecast.lag_p99 = lag(age_p99);
    forecast.lag_p50 = lag(Percentile(group.ages, 0.5));
    forecast.holds = forecast.lag_p99 == Duration::zero();
    forecast.checks_per_second = static_cast<double>(forecast.checks) / observed;
    if (forecast.backfill_bytes == 0) {
      return;
    }
    if (group.backfill_done != TimePoint::max()) {
      forecast.backfill_days = Seconds(group.backfill_done - TimePoint{}) / kSecondsPerDay;
    } else if (group.backfilled > 0) {
      const double per_second = static_cast<double>(group.backfilled) / observed;
      forecast.backfill_days = static_cast<double>(forecast.backfill_bytes) /
                               (per_second * kSecondsPerDay * DayLimitShare(forecast));
    }
    if (forecast.backfill_days.has_value()) {
      forecast.backfill_days = std::max(*forecast.backfill_days, group.backfill_days_min);
    }
  }

  // Of a mailbox that only its own bytes per day hold up.
  static double DaysAlone(const WorldMailbox& mailbox) {
    if (mailbox.bytes_per_day == 0) {
      return 0;
    }
    const double days = static_cast<double>(mailbox.backfill_bytes) /
                        LeftByDay(mailbox.bytes_per_day, mailbox.new_bytes_per_day);
    return days > 1 ? days : 0;  // The first day's bytes come at once.
  }

  // What the host's bytes per day leave of the rate of backfill that was seen.
  double DayLimitShare(const GroupForecast& group) {
    const uint64_t limit = world_.hosts[group.host].limits.bytes_per_day;
    const Pool& pool = pools_[{group.host, group.egress}];
    const double per_day = static_cast<double>(pool.backfilled) /
                           std::max(Seconds(run_.observed()), 1e-9) * kSecondsPerDay;
    if (limit == 0 || per_day <= 0) {
      return 1;
    }
    return std::min(1.0, LeftByDay(limit, pool.new_bytes_per_day) / per_day);
  }

  const World& world_;
  const VirtualWorld& run_;
  std::map<GroupKey, Group> groups_;
  std::map<PoolKey, Pool> pools_;
};

}  // namespace

Forecast MakeForecast(const World& world, const ForecastOptions& options) {
  SchedulerPolicy policy(world);
  VirtualWorld run(world, policy);
  VirtualWorld::Bounds bounds;
  bounds.checks_each = options.warm_up_checks;
  bounds.at_most = options.at_most;
  bounds.grants_max = options.grants_max;
  const bool warm = run.Run(bounds);
  run.ForgetFigures();
  bounds.checks_each = options.checks_each;
  bounds.at_least = options.at_least;
  const bool counted = run.Run(bounds);
  return Gathering(world, run).Make(warm && counted);
}

}  // namespace mailhaul::scheduler
