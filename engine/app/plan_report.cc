#include "engine/app/plan_report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/units.h"

namespace mailhaul::app {
namespace {

namespace json = boost::json;
using scheduler::Change;
using scheduler::ChangeKind;
using scheduler::GroupForecast;
using scheduler::PoolForecast;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Three decimals: what a forecast can claim, and no digits that differ between machines.
double Rounded(double value) { return std::round(value * 1000) / 1000; }

json::value MaybeNumber(const std::optional<double>& value) {
  return value.has_value() ? json::value(Rounded(*value)) : json::value(nullptr);
}

json::object AssumptionsAsJson(const PlanAssumptions& assumptions) {
  json::object object{{"active_share", assumptions.active_share},
                      {"round_trip_seconds", Seconds(assumptions.round_trip)},
                      {"spread", assumptions.spread},
                      {"messages_per_day", assumptions.messages_per_day},
                      {"message_bytes", assumptions.message_bytes},
                      {"bytes_per_second", assumptions.bytes_per_second},
                      {"mailbox_bytes", assumptions.mailbox_bytes}};
  object["check_seconds"] = assumptions.check_time.has_value()
                                ? json::value(Seconds(*assumptions.check_time))
                                : json::value(nullptr);
  return object;
}

json::object PoolAsJson(const Plan& plan, const PoolForecast& pool) {
  const scheduler::WorldHost& host = plan.world.hosts[pool.host];
  const auto measured = plan.measured.find(host.name);
  const bool known = measured != plan.measured.end();
  return {
      {"egress", plan.world.egress[pool.egress].address},
      {"host", host.name},
      {"mailboxes", pool.mailboxes},
      {"connections", host.limits.connections},
      {"logins_per_second", host.limits.logins_per_second},
      {"check_seconds", Rounded(Seconds(host.times.Session()))},
      {"check_source", known ? "measured" : "assumed"},
      {"check_samples", known ? json::value(measured->second.samples) : json::value(nullptr)},
      {"load",
       {{"connections", Rounded(pool.load.connections)}, {"logins", Rounded(pool.load.logins)}}},
      {"busy", Rounded(pool.busy)},
      {"logins_per_second_used", Rounded(pool.logins_per_second)}};
}

json::object GroupAsJson(const Plan& plan, const GroupForecast& group) {
  return {
      {"tenant", plan.world.tenants[group.tenant].name},
      {"egress", plan.world.egress[group.egress].address},
      {"host", plan.world.hosts[group.host].name},
      {"freshness_seconds", Rounded(Seconds(group.freshness))},
      {"mailboxes", group.mailboxes},
      {"checks_per_second", Rounded(group.checks_per_second)},
      {"lag_seconds",
       {{"p50", Rounded(Seconds(group.lag_p50))}, {"p99", Rounded(Seconds(group.lag_p99))}}},
      {"age_p99_seconds", Rounded(Seconds(group.age_p99))},
      {"holds", group.holds},
      {"backfill", {{"bytes", group.backfill_bytes}, {"days", MaybeNumber(group.backfill_days)}}}};
}

json::object ChangeAsJson(const Plan& plan, const Change& change) {
  json::object object{{"verified", change.verified}};
  json::array hosts;
  for (const scheduler::HostChange& host : change.hosts) {
    json::object each{{"host", plan.world.hosts[host.host].name}, {"searched", host.searched}};
    if (change.kind == ChangeKind::kLongerFreshness) {
      each["factor"] = Rounded(host.freshness_factor);
    } else {
      each["connections"] = host.limits.connections;
      each["logins_per_second"] = host.limits.logins_per_second;
    }
    hosts.push_back(std::move(each));
  }
  switch (change.kind) {
    case ChangeKind::kMoreAddresses:
      object["kind"] = "more_addresses";
      object["addresses"] = change.more_addresses;
      break;
    case ChangeKind::kLongerFreshness:
      object["kind"] = "longer_freshness";
      object["hosts"] = std::move(hosts);
      break;
    case ChangeKind::kHigherLimits:
      object["kind"] = "higher_limits";
      object["egress_connections"] = change.egress_connections > 0
                                         ? json::value(change.egress_connections)
                                         : json::value(nullptr);
      object["hosts"] = std::move(hosts);
      break;
  }
  return object;
}

// Text.

std::string Format(const char* format, auto... values) {
  const int size = std::snprintf(nullptr, 0, format, values...);
  std::string text(static_cast<size_t>(size), '\0');
  std::snprintf(text.data(), text.size() + 1, format, values...);
  return text;
}

std::string Time(Duration duration) {
  return FormatDuration(std::chrono::round<std::chrono::milliseconds>(duration));
}

std::string PoolName(const Plan& plan, uint32_t host, scheduler::EgressId egress) {
  const std::string& address = plan.world.egress[egress].address;
  return address.empty() ? plan.world.hosts[host].name
                         : plan.world.hosts[host].name + " from " + address;
}

// Of a pool of this host; a star marks what was not measured.
std::string CheckTimeText(const Plan& plan, const scheduler::WorldHost& host) {
  return Time(host.times.Session()) + (plan.measured.contains(host.name) ? "" : "*");
}

std::string Days(const GroupForecast& group) {
  if (group.backfill_bytes == 0) {
    return "-";
  }
  if (!group.backfill_days.has_value()) {
    return "never";
  }
  return *group.backfill_days < 0.1 ? "< 0.1 d" : Format("%.1f d", *group.backfill_days);
}

const PoolForecast& PoolOf(const Plan& plan, const GroupForecast& group) {
  return *std::find_if(plan.forecast.pools.begin(), plan.forecast.pools.end(),
                       [&group](const PoolForecast& pool) {
                         return pool.host == group.host && pool.egress == group.egress;
                       });
}

std::string Row(const Plan& plan, const GroupForecast& group) {
  const PoolForecast& pool = PoolOf(plan, group);
  const std::string verdict = group.holds ? "holds" : "late by " + Time(group.lag_p99) + " (p99)";
  return Format("%-16s %-36s %9s %9u %9s %6.0f%% %5.0f%% %9s %9s %9s  %s\n",
                plan.world.tenants[group.tenant].name.c_str(),
                PoolName(plan, group.host, group.egress).c_str(), Time(group.freshness).c_str(),
                group.mailboxes, CheckTimeText(plan, plan.world.hosts[group.host]).c_str(),
                pool.load.Worst() * 100, pool.busy * 100, Time(group.lag_p50).c_str(),
                Time(group.lag_p99).c_str(), Days(group).c_str(), verdict.c_str());
}

std::string Table(const Plan& plan) {
  std::vector<GroupForecast> groups = plan.forecast.groups;
  std::stable_sort(
      groups.begin(), groups.end(),
      [](const GroupForecast& a, const GroupForecast& b) { return a.lag_p99 > b.lag_p99; });
  std::string text =
      Format("%-16s %-36s %9s %9s %9s %7s %6s %9s %9s %9s  %s\n", "TENANT", "POOL", "FRESHNESS",
             "MAILBOXES", "CHECK", "LOAD", "BUSY", "LAG p50", "LAG p99", "BACKFILL", "VERDICT");
  const size_t rows = std::min(groups.size(), kPlanRowsMax);
  for (size_t i = 0; i < rows; ++i) {
    text += Row(plan, groups[i]);
  }
  if (rows < groups.size()) {
    text +=
        Format("... and %zu more, with no more lag; --json has them all\n", groups.size() - rows);
  }
  return text;
}

std::string HostChangeText(const Plan& plan, const Change& change,
                           const scheduler::HostChange& host) {
  const scheduler::WorldHost& now = plan.world.hosts[host.host];
  if (change.kind == ChangeKind::kLongerFreshness) {
    return Format("%s: %.2f times as long", now.name.c_str(), host.freshness_factor);
  }
  const auto raised = [](const char* name, uint32_t from, uint32_t to) {
    return from == to ? std::string() : Format(" %s %u -> %u", name, from, to);
  };
  return now.name + ":" + raised("connections", now.limits.connections, host.limits.connections) +
         raised("logins_per_second", now.limits.logins_per_second, host.limits.logins_per_second);
}

std::string ChangeName(const Change& change) {
  switch (change.kind) {
    case ChangeKind::kMoreAddresses:
      if (!change.verified) {
        return "more egress addresses";
      }
      return Format("%u more egress %s", change.more_addresses,
                    change.more_addresses == 1 ? "address" : "addresses");
    case ChangeKind::kLongerFreshness:
      return "longer freshness of all mailboxes";
    case ChangeKind::kHigherLimits:
      break;
  }
  return change.egress_connections > 0 && change.verified
             ? Format("higher limits; egress connections %u", change.egress_connections)
             : std::string("higher limits, if the provider grants them");
}

std::string ChangeText(const Plan& plan, const Change& change) {
  if (!change.verified) {
    return "  - " + ChangeName(change) + ": nothing that was tried makes it hold\n";
  }
  std::string text = "  - " + ChangeName(change) + " [holds in virtual time]\n";
  const size_t shown =
      change.kind == ChangeKind::kMoreAddresses ? 0 : std::min(change.hosts.size(), kPlanRowsMax);
  for (size_t i = 0; i < shown; ++i) {
    text += "      " + HostChangeText(plan, change, change.hosts[i]) +
            (change.hosts[i].searched ? "\n" : " (computed from the load)\n");
  }
  return text;
}

std::string Assumptions(const Plan& plan) {
  const PlanAssumptions& assumed = plan.assumptions;
  std::string check = "6 round trips (plain text: 4)";
  if (assumed.check_time.has_value()) {
    check = Time(*assumed.check_time);
  }
  return Format(
      "Assumed, not measured: %.0f %% of mailboxes active; where CHECK has a star, a check holds a "
      "connection for %s, spread %.0f %%; round trip %s; %llu messages a day per mailbox; %s/s per "
      "connection; where "
      "nothing is stored, %s per message and %s to backfill per mailbox.\n",
      assumed.active_share * 100, check.c_str(), assumed.spread * 100,
      Time(assumed.round_trip).c_str(), static_cast<unsigned long long>(assumed.messages_per_day),
      FormatByteSize(assumed.bytes_per_second).c_str(),
      FormatByteSize(assumed.message_bytes).c_str(), FormatByteSize(assumed.mailbox_bytes).c_str());
}

}  // namespace

std::string PlanAsJson(const Plan& plan) {
  json::array pools;
  for (const PoolForecast& pool : plan.forecast.pools) {
    pools.push_back(PoolAsJson(plan, pool));
  }
  json::array groups;
  for (const GroupForecast& group : plan.forecast.groups) {
    groups.push_back(GroupAsJson(plan, group));
  }
  json::array changes;
  for (const Change& change : plan.changes) {
    changes.push_back(ChangeAsJson(plan, change));
  }
  const json::value later = plan.holds_without_backfill.has_value()
                                ? json::value(*plan.holds_without_backfill)
                                : json::value(nullptr);
  return json::serialize(json::object{{"holds", plan.holds()},
                                      {"holds_without_backfill", later},
                                      {"complete", plan.forecast.complete},
                                      {"virtual_seconds", Rounded(Seconds(plan.forecast.observed))},
                                      {"checks", plan.forecast.checks},
                                      {"mailboxes", plan.world.mailboxes.size()},
                                      {"assumed", AssumptionsAsJson(plan.assumptions)},
                                      {"pools", std::move(pools)},
                                      {"groups", std::move(groups)},
                                      {"changes", std::move(changes)}});
}

std::string PlanAsText(const Plan& plan) {
  std::string text = Table(plan);
  const auto late = std::count_if(plan.forecast.groups.begin(), plan.forecast.groups.end(),
                                  [](const GroupForecast& group) { return !group.holds; });
  text += Format(
      "\n%zu mailboxes, %llu checks in %s of virtual time: ", plan.world.mailboxes.size(),
      static_cast<unsigned long long>(plan.forecast.checks), Time(plan.forecast.observed).c_str());
  if (!plan.forecast.complete) {
    text += "stopped before every mailbox was checked often enough. ";
  }
  text += late == 0 ? "freshness holds everywhere.\n"
                    : Format("freshness does not hold for %zu of %zu rows.\n",
                             static_cast<size_t>(late), plan.forecast.groups.size());
  if (plan.holds_without_backfill.has_value()) {
    text += *plan.holds_without_backfill ? "Once everything is backfilled it holds as it is.\n"
                                         : "Nor will it once everything is backfilled.\n";
  }
  if (!plan.changes.empty()) {
    text += "The least of each that makes it hold:\n";
  }
  for (const Change& change : plan.changes) {
    text += ChangeText(plan, change);
  }
  return text + Assumptions(plan);
}

}  // namespace mailhaul::app
