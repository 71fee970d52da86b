#include "engine/app/reloader.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/json.hpp>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/http/json.h"
#include "engine/pipeline/await_on.h"

namespace mailhaul::app {
namespace {

constexpr size_t kProblemsLoggedMax = 20;
constexpr size_t kNamesLoggedMax = 10;

std::string JsonString(const std::string& text) {
  return boost::json::serialize(boost::json::string(ToValidUtf8(text)));
}

std::string Joined(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) {
    joined += (joined.empty() ? "" : ", ") + word;
  }
  return joined;
}

// "0", or "2 (acme, globex)"; of many names the first.
std::string CountAndNames(std::vector<std::string> names) {
  const std::string count = std::to_string(names.size());
  if (names.empty()) {
    return count;
  }
  const bool more = names.size() > kNamesLoggedMax;
  names.resize(std::min(names.size(), kNamesLoggedMax));
  return count + " (" + Joined(names) + (more ? ", ..." : "") + ")";
}

prometheus::MetricFamily Gauge(const char* name, const char* help, double value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Gauge;
  family.metric.emplace_back().gauge.value = value;
  return family;
}

}  // namespace

Reloader::Source Reloader::FilesOf(const config::Config& config,
                                   config::EnvironmentLookup environment) {
  const config::Config* const running = &config;
  return {.read =
              [running, environment](const config::TenantsInForce& in_force) {
                return config::ReloadConfig(*running, in_force, environment);
              },
          .stamp = config::StampOfFiles};
}

Reloader::Reloader(const config::Config& config, Source source, Discover discover,
                   Collector& collector, ConfiguredTenants& configured, TenantFollower& follower,
                   pipeline::Context& context, net::Loop& main_loop, WorkPool& files)
    : config_(config),
      source_(std::move(source)),
      discover_(std::move(discover)),
      collector_(collector),
      configured_(configured),
      follower_(follower),
      context_(context),
      main_(main_loop),
      files_(files),
      in_force_(TenantsOf(config)),
      watched_(config.watched) {
  for (const std::string& file : config.refused) {
    refused_.push_back({.file = file, .problem = "left out at the start"});
  }
}

void Reloader::Start() { ArmTimer(kLookEvery); }

void Reloader::ArmTimer(Duration pause) {
  if (stopping_) {
    return;
  }
  main_.CancelTimer(timer_);
  timer_ = main_.AddTimer(context_.clock.Now() + pause, [this] {
    timer_ = 0;
    if (!looking_ && !running_) {
      looking_ = true;
      tasks_.Spawn(LookOnce());
    } else {
      ArmTimer(kLookEvery);
    }
  });
}

void Reloader::Reload() {
  if (stopping_) {
    return;
  }
  read_wanted_ = true;
  RunUnlessRunning();
}

void Reloader::RunUnlessRunning() {
  if (!running_) {
    running_ = true;
    tasks_.Spawn(Run());
  }
}

void Reloader::ApplyOverlay(const std::string& tenant, std::function<void(Status)> on_done) {
  if (stopping_) {
    on_done(Status(Code::kCancelled, "stopping"));
    return;
  }
  overlay_changes_.push_back({.tenant = tenant, .on_done = std::move(on_done)});
  RunUnlessRunning();
}

void Reloader::Stop(std::function<void()> on_done) {
  stopping_ = true;
  on_stopped_ = std::move(on_done);
  main_.CancelTimer(timer_);
  timer_ = 0;
  CheckStopped();
}

void Reloader::CheckStopped() {
  if (stopping_ && !looking_ && !running_ && on_stopped_) {
    std::exchange(on_stopped_, nullptr)();
  }
}

net::Task<Reloader::Look> Reloader::ReadStamp() {
  const Clock* const clock = &context_.clock;
  const config::WatchedFiles watched = watched_;
  const std::function<Look()> work = [this, clock, watched] {
    Look look;
    const TimePoint begin = clock->Now();
    look.stamp = source_.stamp(watched);
    look.took = clock->Now() - begin;
    return look;
  };
  co_return co_await net::RunOn<Look>(files_, work);
}

net::Task<void> Reloader::LookOnce() {
  Look look = co_await ReadStamp();
  looking_ = false;
  const bool changed = change_.Look(std::move(look.stamp));
  if (!stopping_ && !running_ && (changed || context_.clock.Now() >= retry_at_)) {
    Reload();
  }
  ArmTimer(std::max(kLookEvery, look.took * kLookShare));
  CheckStopped();
}

net::Task<void> Reloader::Run() {
  do {
    if (std::exchange(read_wanted_, false) && !stopping_) {
      co_await ReadAndChange();
    }
    co_await ApplyOverlays();
  } while ((read_wanted_ && !stopping_) || !overlay_changes_.empty());
  running_ = false;
  if (on_read_) {
    on_read_();
  }
  CheckStopped();
}

net::Task<void> Reloader::ReadAndChange() {
  // Before reading: what is written meanwhile makes another difference.
  Look look = co_await ReadStamp();
  change_.Take(std::move(look.stamp));
  const config::TenantsInForce in_force = in_force_;
  const std::function<config::Reloaded()> read = [this, in_force] {
    return source_.read(in_force);
  };
  config::Reloaded reloaded = co_await net::RunOn<config::Reloaded>(files_, read);
  if (!stopping_) {
    Report(reloaded);
  }
  if (!stopping_ && reloaded.usable) {
    co_await Change(std::move(reloaded));
  }
}

net::Task<void> Reloader::ApplyOverlays() {
  std::vector<OverlayChange> changes = std::exchange(overlay_changes_, {});
  config::TenantsInForce changed;
  for (const OverlayChange& change : changes) {
    const auto found = in_force_.find(change.tenant);
    if (found == in_force_.end() || changed.contains(change.tenant)) {
      continue;
    }
    auto of_files = std::make_shared<config::TenantConfig>(*found->second);
    std::erase_if(of_files->mailboxes,
                  [](const config::MailboxConfig& mailbox) { return mailbox.added; });
    changed.emplace(change.tenant, overlay_(std::move(of_files)));
  }
  if (!changed.empty() && !stopping_) {
    config::TenantsInForce wanted = changed;
    std::vector<std::string> nobody;
    co_await PutInForce(std::move(wanted), std::move(nobody));
  }
  for (OverlayChange& change : changes) {
    const auto wanted = changed.find(change.tenant);
    const auto found = in_force_.find(change.tenant);
    Status status;
    if (stopping_) {
      status = Status(Code::kCancelled, "stopping");
    } else if (wanted == changed.end()) {
      status = Status(Code::kNotFound, "there is no such tenant any more");
    } else if (found == in_force_.end() || found->second != wanted->second) {
      status = refused_by_store_;
    }
    change.on_done(status);
  }
}

// All or nothing for each tenant; what the store refuses of one stays as it was.
net::Task<void> Reloader::Change(config::Reloaded reloaded) {
  watched_ = std::move(reloaded.watched);
  retry_at_ = TimePoint::max();
  config::TenantsInForce changed;
  std::vector<std::string> ending;
  for (const auto& [name, tenant] : reloaded.tenants) {
    const auto before = in_force_.find(name);
    if (before == in_force_.end() || before->second != tenant) {
      changed.emplace(name, overlay_ ? overlay_(tenant) : tenant);
    }
  }
  for (const auto& [name, tenant] : in_force_) {
    if (!reloaded.tenants.contains(name)) {
      ending.push_back(name);
    }
  }
  if (changed.empty() && ending.empty()) {
    ++idle_;
    co_return;
  }
  co_await FillIn(&changed);
  co_await PutInForce(std::move(changed), std::move(ending));
}

net::Task<void> Reloader::PutInForce(config::TenantsInForce changed,
                                     std::vector<std::string> ending) {
  std::vector<OnboardedTenant> onboarded = co_await Onboard(std::move(changed));
  if (stopping_) {
    co_return;
  }
  for (const OnboardedTenant& tenant : onboarded) {
    follower_.TenantEnds(tenant.config->name, /*for_good=*/false);
  }
  for (const std::string& name : ending) {
    follower_.TenantEnds(name, /*for_good=*/true);
    collector_.RemoveTenant(name);
    configured_.Remove(name);
    in_force_.erase(name);
  }
  std::vector<std::string> starting;
  for (const OnboardedTenant& tenant : onboarded) {
    starting.push_back(tenant.config->name);
  }
  LogInfo("configuration: tenants new or changed: " + CountAndNames(std::move(starting)) +
          "; gone: " + CountAndNames(ending));
  std::vector<std::shared_ptr<const config::TenantConfig>> former;
  for (OnboardedTenant& tenant : onboarded) {
    former.push_back(in_force_[tenant.config->name]);
    in_force_.insert_or_assign(tenant.config->name, tenant.config);
    follower_.TenantIs(tenant.id, tenant.config);
    collector_.Apply(std::move(tenant));
  }
  ++(onboarded.empty() && ending.empty() ? failed_ : applied_);
  // To forget a hundred thousand mailboxes takes a while: not on the loop.
  files_.Submit([moved = std::move(former)] {});
}

// Those that the store takes.
net::Task<std::vector<OnboardedTenant>> Reloader::Onboard(config::TenantsInForce changed) {
  std::vector<OnboardedTenant> onboarded;
  for (const auto& [name, tenant] : changed) {
    const std::shared_ptr<const config::TenantConfig> shared = tenant;
    const auto known =
        std::make_shared<const std::unordered_set<MailboxId>>(collector_.MailboxesOf(name));
    const std::function<bool(MailboxId)> is_new = [known](MailboxId mailbox) {
      return !known->contains(mailbox);
    };
    const std::function<Result<OnboardedTenant>()> work = [this, shared, is_new] {
      return collector_.OnboardInStore(shared, is_new);
    };
    configured_.Set(shared);
    Result<OnboardedTenant> result = co_await pipeline::RunOn(context_.committer, work);
    if (result.ok()) {
      onboarded.push_back(std::move(result).value());
    } else {
      const auto before = in_force_.find(name);
      if (before == in_force_.end()) {
        configured_.Remove(name);
      } else {
        configured_.Set(before->second);
      }
      refused_by_store_ = result.status();
      LogWarning("tenant " + name + " stays as it was: " + result.status().ToString());
      refused_.push_back({.file = shared->file, .problem = result.status().ToString()});
      retry_at_ = context_.clock.Now() + kApplyAgainAfter;
    }
  }
  co_return onboarded;
}

net::Task<void> Reloader::FillIn(config::TenantsInForce* changed) {
  config::Config scratch;
  scratch.file = config_.file;
  scratch.network = config_.network;
  scratch.providers = config_.providers;
  for (const auto& [name, tenant] : *changed) {
    const bool incomplete =
        std::any_of(tenant->mailboxes.begin(), tenant->mailboxes.end(),
                    [](const config::MailboxConfig& one) { return one.source.host.empty(); });
    if (incomplete) {
      scratch.tenants.push_back(*tenant);
    }
  }
  if (scratch.tenants.empty() || !discover_) {
    co_return;
  }
  net::Task<void> search = discover_(scratch);
  co_await std::move(search);
  for (config::TenantConfig& tenant : scratch.tenants) {
    std::string name = tenant.name;
    changed->insert_or_assign(std::move(name),
                              std::make_shared<const config::TenantConfig>(std::move(tenant)));
  }
}

void Reloader::Report(const config::Reloaded& reloaded) {
  size_t errors = 0;
  std::vector<Refusal> refused;
  for (const std::string& file : reloaded.refused) {
    refused.push_back({.file = file,
                       .problem = file.ends_with('/') ? "the folder cannot be read"
                                                      : "a file that it names cannot be used"});
  }
  std::unordered_map<std::string_view, Refusal*> untold;  // Those without a problem of their own.
  for (Refusal& refusal : refused) {
    untold.emplace(refusal.file, &refusal);
  }
  for (const config::Problem& problem : reloaded.problems) {
    if (problem.warning) {
      continue;
    }
    if (errors++ < kProblemsLoggedMax) {
      LogWarning("configuration: " + problem.ToString());
    }
    if (const auto found = untold.find(problem.file); found != untold.end()) {
      found->second->problem = problem.ToString();
      untold.erase(found);
    }
  }
  if (errors > kProblemsLoggedMax) {
    LogWarning("configuration: and " + std::to_string(errors - kProblemsLoggedMax) +
               " more problems");
  }
  main_refused_ = !reloaded.usable;
  if (main_refused_) {
    ++failed_;
    LogWarning("configuration: the main file cannot be used; all stays as it was");
    return;
  }
  if (!refused.empty()) {
    ++failed_;
    LogWarning("configuration: " + std::to_string(refused.size()) +
               " tenant files are left out; tenants that had one stay as they were");
  }
  refused_ = std::move(refused);
  if (needs_restart_ != reloaded.needs_restart && !reloaded.needs_restart.empty()) {
    LogWarning("configuration: the main file has changed in " + Joined(reloaded.needs_restart) +
               ": that takes effect at the next start");
  }
  needs_restart_ = reloaded.needs_restart;
}

std::string Reloader::Json() const {
  std::vector<std::string> refused;
  for (size_t i = 0; i < std::min(refused_.size(), kRefusedToldMax); ++i) {
    refused.push_back("{\"file\":" + JsonString(refused_[i].file) +
                      ",\"problem\":" + JsonString(refused_[i].problem) + "}");
  }
  if (main_refused_) {
    refused.insert(refused.begin(), "{\"file\":" + JsonString(config_.file) +
                                        ",\"problem\":\"the main file cannot be used\"}");
  }
  std::vector<std::string> keys;
  for (const std::string& key : needs_restart_) {
    keys.push_back(JsonString(key));
  }
  return "{\"refused\":" + http::JsonArray(refused) +
         ",\"needs_restart\":" + http::JsonArray(keys) + "}";
}

std::string Reloader::Metrics() const {
  prometheus::MetricFamily reads;
  reads.name = "mailhaul_config_reads_total";
  reads.help = "Times the configuration was read again, by outcome.";
  reads.type = prometheus::MetricType::Counter;
  const std::pair<const char*, uint64_t> outcomes[] = {
      {"applied", applied_}, {"unchanged", idle_}, {"refused", failed_}};
  for (const auto& [outcome, count] : outcomes) {
    prometheus::ClientMetric& metric = reads.metric.emplace_back();
    metric.label = {{"outcome", outcome}};
    metric.counter.value = static_cast<double>(count);
  }
  const size_t refused = refused_.size() + (main_refused_ ? 1 : 0);
  return prometheus::TextSerializer().Serialize(
      {reads,
       Gauge("mailhaul_config_refused_files", "Files whose present content is not in force.",
             static_cast<double>(refused)),
       Gauge("mailhaul_config_needs_restart", "1 while the main file waits for a restart.",
             needs_restart_.empty() ? 0 : 1)});
}

}  // namespace mailhaul::app
