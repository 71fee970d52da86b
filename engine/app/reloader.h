// The configuration of tenants follows its files while the server runs: by a signal, and by looking
// at the files every two seconds.
//
// Looking rather than inotify: it sees what inotify does not (network file systems, folders that a
// container runtime swaps, patterns whose folders come later), has no limit of watches, and costs a
// stat for each tenant file. What changes is taken once it has looked the same twice, so that a
// file which is being written is not read in the middle.
//
// Main loop. Files are read on `files`, the store is written on the committer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/work_pool.h"
#include "connectors/net/loop.h"
#include "connectors/net/task.h"
#include "engine/app/collector.h"
#include "engine/app/configured_tenants.h"
#include "engine/app/settled_change.h"
#include "engine/config/reload.h"
#include "engine/pipeline/context.h"

namespace mailhaul::app {

inline constexpr Duration kLookEvery = std::chrono::seconds(2);
// Looks take at most one part in so many of the time: with very many files they come less often.
inline constexpr int kLookShare = 20;
// What the store refused is tried again after.
inline constexpr Duration kApplyAgainAfter = std::chrono::seconds(30);

// Whoever knows of tenants besides the collector.
class TenantFollower {
 public:
  virtual ~TenantFollower() = default;
  // First of all those that change or go, then for each that is new or has changed. `for_good`: it
  // does not come again.
  virtual void TenantEnds(const std::string& name, bool for_good) = 0;
  virtual void TenantIs(TenantId id, std::shared_ptr<const config::TenantConfig> tenant) = 0;
};

class Reloader final {
 public:
  // Fills what is absent, as DiscoverServers() does. Null: nothing.
  using Discover = std::function<net::Task<void>(config::Config& config)>;
  // How the configuration is read; tests have their own.
  struct Source {
    std::function<config::Reloaded(const config::TenantsInForce& in_force)> read;
    std::function<std::string(const config::WatchedFiles& watched)> stamp;
  };
  // ReloadConfig() and StampOfFiles() of the configuration, which outlives the source.
  static Source FilesOf(const config::Config& config, config::EnvironmentLookup environment);

  // All outlive it. `config` is what the process started with.
  Reloader(const config::Config& config, Source source, Discover discover, Collector& collector,
           ConfiguredTenants& configured, TenantFollower& follower, pipeline::Context& context,
           net::Loop& main_loop, WorkPool& files);

  // What a tenant is besides what its files say: the same object where there is nothing. Before
  // Start().
  using Overlay = std::function<std::shared_ptr<const config::TenantConfig>(
      std::shared_ptr<const config::TenantConfig> tenant)>;
  void SetOverlay(Overlay overlay) { overlay_ = std::move(overlay); }
  // The overlay of the tenant is another now: puts it in force, when the reading that runs has
  // ended. What is asked for meanwhile is done together. `on_done` is called once, on the main
  // loop: kNotFound without such a tenant, kCancelled when stopping, or why the store refused it.
  void ApplyOverlay(const std::string& tenant, std::function<void(Status)> on_done);

  // Called whenever a reading has ended, whatever came of it.
  void SetOnRead(std::function<void()> on_read) { on_read_ = std::move(on_read); }
  // Begins to look.
  void Start();
  // Reads the configuration now, or again once the reading that runs has ended.
  void Reload();
  // `on_done` when nothing of it runs any more.
  void Stop(std::function<void()> on_done);

  const config::TenantsInForce& tenants() const { return in_force_; }
  // {"refused":[{"file","problem"}],"needs_restart":["key"]}: at most kRefusedToldMax.
  std::string Json() const;
  // Prometheus text format 0.0.4; names: docs/operations.md.
  std::string Metrics() const;

 private:
  struct Look {
    std::string stamp;
    Duration took{0};
  };
  net::Task<void> LookOnce();
  net::Task<void> Run();
  void RunUnlessRunning();
  net::Task<void> ReadAndChange();
  net::Task<void> Change(config::Reloaded reloaded);
  net::Task<void> ApplyOverlays();
  // `changed` are in force afterwards, but for those that the store refuses; `ending` no more.
  net::Task<void> PutInForce(config::TenantsInForce changed, std::vector<std::string> ending);
  net::Task<std::vector<OnboardedTenant>> Onboard(config::TenantsInForce changed);
  net::Task<void> FillIn(config::TenantsInForce* changed);
  net::Task<Look> ReadStamp();
  void Report(const config::Reloaded& reloaded);
  void ArmTimer(Duration pause);
  void CheckStopped();

  const config::Config& config_;
  const Source source_;
  const Discover discover_;
  Collector& collector_;
  ConfiguredTenants& configured_;
  TenantFollower& follower_;
  pipeline::Context& context_;
  net::Loop& main_;
  WorkPool& files_;
  net::TaskGroup tasks_;

  config::TenantsInForce in_force_;
  config::WatchedFiles watched_;
  SettledChange change_;
  net::Loop::TimerId timer_ = 0;
  bool looking_ = false;
  bool running_ = false;
  bool read_wanted_ = false;
  bool stopping_ = false;
  std::function<void()> on_stopped_;
  std::function<void()> on_read_;
  Overlay overlay_;
  struct OverlayChange {
    std::string tenant;
    std::function<void(Status)> on_done;
  };
  std::vector<OverlayChange> overlay_changes_;
  Status refused_by_store_;  // The last time that it did.

  struct Refusal {
    std::string file;
    std::string problem;  // The first one of it.
  };
  std::vector<Refusal> refused_;
  TimePoint retry_at_ = TimePoint::max();  // What the store refused is tried again then.
  std::vector<std::string> needs_restart_;
  bool main_refused_ = false;
  uint64_t applied_ = 0;  // Readings after which something changed,
  uint64_t idle_ = 0;     // nothing did,
  uint64_t failed_ = 0;   // or something was refused.
};

inline constexpr size_t kRefusedToldMax = 100;

}  // namespace mailhaul::app
