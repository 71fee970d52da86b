// Drives collection: asks the scheduler for grants, runs each on a connection, tells the scheduler
// how it went, and keeps what is known of every mailbox.
//
// The scheduler and all bookkeeping live on the main loop; connections are pinned to worker loops
// and report back by message. Under the simulator all of them are one virtual loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "connectors/connector.h"
#include "connectors/dialer.h"
#include "connectors/http_client.h"
#include "connectors/net/loop.h"
#include "connectors/net/task.h"
#include "engine/app/allowances.h"
#include "engine/app/check_time.h"
#include "engine/app/inspector.h"
#include "engine/app/source_memory.h"
#include "engine/config/config.h"
#include "engine/pipeline/mailbox_visit.h"
#include "engine/send/lines.h"
#include "scheduler/scheduler.h"
#include "store/day_use.h"
#include "store/file_system.h"
#include "store/secret_box.h"

namespace mailhaul::app {

inline constexpr Duration kRefreshEvery = std::chrono::seconds(10);
inline constexpr Duration kSettleMin = std::chrono::milliseconds(50);
inline constexpr Duration kSettleMax = std::chrono::milliseconds(400);
inline constexpr size_t kWantedMax = 100;                       // Of one mailbox.
inline constexpr uint64_t kWantedBytesMax = uint64_t{1} << 30;  // Of one such message.
// What a check draws at once of a day's bytes, and how long what did not fit waits.
inline constexpr uint64_t kDayPortion = uint64_t{16} << 20;
inline constexpr Duration kDayPause = std::chrono::minutes(10);

// States and error codes of mailboxes that wait for room: in their tenant's quota, on the disk.
inline constexpr std::string_view kOverQuota = "over_quota";
inline constexpr std::string_view kDiskFull = "disk_full";

// Below this much free space nothing is collected, until there is some more. The store refuses
// bodies below 64 MiB and records below 32 MiB: what lies between is for sending, for changes made
// here, and for what is in flight.
inline constexpr uint64_t kDiskFreeMin = uint64_t{128} << 20;
inline constexpr uint64_t kDiskFreeAgain = uint64_t{160} << 20;

struct CollectorOptions {
  // False: one batch run, which ends when nothing is left to do now. True: until Stop().
  bool continuous = false;
  // Batch: a mailbox is complete once its server has taken the login and listed its folders, or the
  // inspector has looked.
  bool login_only = false;
  uint32_t attempts_max = 3;                        // Batch: per mailbox and per host.
  Duration defer_after = std::chrono::seconds(60);  // Batch: a longer wait is deferred work.
  scheduler::Options scheduler;
  // Where bytes per day and the times of checks are kept; null: nowhere.
  store::KeyValueStore* records = nullptr;
  // With which refresh tokens that a server has replaced are kept in `records`; null: they are not.
  const store::SecretBox* secrets = nullptr;
  // Tells the free space of the data directory's disk; null: it counts as endless.
  store::FileSystem* files = nullptr;
  bool after_unclean_end = false;  // The process before this one did not end in order.
};

struct Failure {
  std::string mailbox;  // "tenant/id"
  Status status;
  bool deferred = false;  // Nothing is wrong: the work has to wait longer than this run does.
};

struct Summary {
  uint64_t mailboxes_total = 0;
  uint64_t mailboxes_complete = 0;
  std::vector<Failure> failures;
  pipeline::IngestStats stats;
};

// What a mailbox is to become, once no connection is out for it: until then workers read what it
// is.
struct MailboxUpdate {
  std::shared_ptr<const config::TenantConfig> tenant;
  const config::MailboxConfig* config = nullptr;  // Of `tenant`; null: it goes.
  bool restart = true;                            // False: only settings of its tenant changed.
};

// A login to a mailbox that is not there yet.
struct LoginTest {
  std::string name;                                      // "tenant/id"
  TenantId tenant;                                       // Of the store.
  std::shared_ptr<const config::MailboxConfig> mailbox;  // With a host.
};
struct LoginTestResult {
  Status status;  // kBusy: its server's pool gave it no turn; kCancelled: stopping.
  Secret
      refresh_token{};  // Of a success: what the server gave instead of the configured one, or "".
};
// From asking to the answer; longer than a client of HTTP waits is of no use.
inline constexpr Duration kLoginTestMax = std::chrono::seconds(30);
// Hosts that a tenant has tested and no mailbox had before: so many at once, and one more for each
// such time. What is known of a host is never forgotten.
inline constexpr size_t kTestedHostsMax = 500;
inline constexpr Duration kTestedHostEvery = std::chrono::minutes(5);

// What is known of one mailbox. Touched on the main loop only, but for what workers read while a
// grant is out: id, tenant_id, tenant, config, day_bytes_max, quota_asked; these change only while
// none is.
struct MailboxState : send::Account {
  MailboxId id;
  TenantId tenant_id;
  std::shared_ptr<const config::TenantConfig> tenant;
  const config::MailboxConfig* config = nullptr;  // Of `tenant`.
  size_t index = 0;                               // In Collector::mailboxes().
  uint32_t grants_out = 0;                        // To its source and its submission server.
  std::optional<MailboxUpdate> update;
  scheduler::HostId host = 0;
  size_t worker = 0;
  // Of its tenant: bytes that visits have asked for and not stored. Any thread.
  std::atomic<uint64_t>* quota_asked = nullptr;

  enum class Phase : uint8_t { kPending, kCollecting, kOk, kFailing };
  Phase phase = Phase::kPending;
  Status last_error;
  std::string_view no_room;  // kOverQuota or kDiskFull, as last_error says: it waits. Else "".
  uint32_t attempts = 0;     // Failures in a row.
  WallTime last_complete{};
  WallTime last_used{};  // New mail came, or somebody read it; else when it was first seen.
  std::optional<WallTime> next_due;
  TimePoint active_until{};
  double window_coverage = 0;
  double backfill_coverage = 0;
  uint64_t own_day_bytes = 0;  // In one day, of this mailbox; 0: no limit.
  uint64_t day_bytes_max = 0;  // The smaller of this and its host's.
  uint64_t drawn = 0;          // Of the day's bytes, for the stage that runs.
  bool drawn_short = false;    // It was less than wanted.
  uint64_t bytes_needed = 0;   // By a message that did not fit into what was drawn before.
  bool window_queued = false;
  bool backfill_queued = false;
  bool batch_over = false;  // Batch: nothing more will be tried in this run.
  TimePoint refreshed_at = TimePoint::min();
  TimePoint login_not_before{};             // The server wants a pause between logins (POP3).
  TimePoint check_from = TimePoint::max();  // When the queued check may start; max(): none is.
  bool only_rest_queued = false;            // That is the rest of one that ended with its slice,
  std::optional<TimePoint> promised;        // whose first part had this deadline.
  std::vector<MessageId> wanted;            // Asked for in spite of their size.
  std::vector<MessageId> wanted_now;        // Of these, what the running session takes.
  std::optional<std::pair<scheduler::HostId, scheduler::EgressId>> held_in;  // Its held session,
  uint64_t held_ticket = 0;                                                  // if there is one.
  std::unique_ptr<SourceMemory> memory;  // Touched on its worker's loop only.
  bool closing_held = false;             // Its held connection was told to close.
  TimePoint granted_at{};                // The grant that its session began with.
  bool only_checked = false;       // That session has ended: one check that found nothing was all.
  bool submitter_added = false;    // To the scheduler.
  bool submission_wanted = false;  // A connection was asked for and not granted yet.
  bool filing_wanted = false;      // Its next connection to the source files sent messages.
  bool inspection_wanted = false;  // Its next check begins with one.
  std::unique_ptr<SourceMemory> submission_memory;  // Touched on its worker's loop only.

  std::string FullName() const { return tenant->name + "/" + config->id; }
};

// Whether neither new mail nor a reader came to a mailbox for so long that it is checked rarely.
bool IsDormant(const config::Freshness& freshness, WallTime last_used, WallTime now);

struct Worker {
  net::Loop* loop = nullptr;
  Dialer* dialer = nullptr;
  HttpClient* http = nullptr;  // For OAuth 2.0; null where no mailbox uses it.
};

// Work on a mailbox's servers besides collecting, on connections of the same pools. On the loop of
// the lease; returns what the pool is to learn, when the connection has ended.
class Errands {
 public:
  virtual ~Errands() = default;
  virtual net::Task<Status> Submit(MailboxId mailbox, send::Lease lease) = 0;
  virtual net::Task<Status> File(MailboxId mailbox, send::Lease lease) = 0;
  // Main loop, after Start(): it is new, or its configuration changed; or it is about to go.
  virtual void MailboxChanged(const MailboxState& mailbox) = 0;
  virtual void MailboxGone(const MailboxState& mailbox) = 0;
};

// A tenant as the store knows it: what Collector::Apply() needs of the disk.
struct OnboardedTenant {
  std::shared_ptr<const config::TenantConfig> config;
  TenantId id;
  std::vector<MailboxId> mailboxes;  // As in the configuration.
  // Of those that were asked for; what was kept of their refresh tokens, by their full names.
  std::map<MailboxId, store::MailboxRecord> records;
  std::vector<std::pair<std::string, Result<Secret>>> tokens;
};

class Collector final {
 public:
  // Everything referred to outlives the collector.
  Collector(CollectorOptions options, const config::Config& config, pipeline::Context& context,
            net::Loop& main_loop, std::vector<Worker> workers);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // Onboards tenants and mailboxes in the store and the scheduler. Blocks on disk; before Start()
  // and before anything else uses the store.
  Status Prepare();
  // Main loop. `on_done` is called once, on the main loop, when a batch run has ended or a stopped
  // run has come to rest: then every connection is closed and everything fetched is durable.
  void Start(std::function<void()> on_done);
  // Main loop. Gives no more grants and aborts the connections. What was fetched is kept.
  void Stop();

  // Makes the tenant and its mailboxes known to the store, before their first batch. On the
  // committer's thread; blocks on disk. Reads the records of the mailboxes for which `is_new` says
  // so; kept refresh tokens if one of these uses OAuth 2.0.
  Result<OnboardedTenant> OnboardInStore(
      std::shared_ptr<const config::TenantConfig> tenant,
      const std::function<bool(MailboxId mailbox)>& is_new) const;
  // Main loop: the tenant's mailboxes, but for those that are about to go.
  std::unordered_set<MailboxId> MailboxesOf(std::string_view tenant) const;
  // Main loop, after Start(), of a continuous run. From now on the tenant is as this says: new
  // mailboxes are collected, those that are gone no longer are, and those whose fingerprints differ
  // begin anew. The connections of these last two are ended first; the others go on undisturbed,
  // and take changed settings of their tenant when no connection is out.
  void Apply(OnboardedTenant tenant);
  // Its mailboxes are no longer collected; what is stored stays.
  void RemoveTenant(std::string_view tenant);

  // Main loop, after Start(). Logs in within the limits of its server's pool; `on_done` is called
  // once, on the main loop, within kLoginTestMax, perhaps at once.
  void TestLogin(LoginTest test, std::function<void(LoginTestResult)> on_done);

  const Summary& summary() const { return summary_; }                   // Main loop.
  const scheduler::Scheduler& scheduler() const { return scheduler_; }  // The same.
  const MailboxState* Find(std::string_view tenant, std::string_view mailbox) const;
  const std::vector<std::unique_ptr<MailboxState>>& mailboxes() const { return mailboxes_; }
  const pipeline::Progress& progress() const { return context_.progress; }
  // Checks it soon and, for the tenant's active_for, more often.
  void MarkActive(std::string_view tenant, std::string_view mailbox);
  // Checks it now. False: asked for less than kRefreshEvery ago, or there is no such mailbox.
  bool Refresh(std::string_view tenant, std::string_view mailbox);
  // Fetches, with the next check, a message that was left out for its size. False: kWantedMax are
  // asked for already. Not remembered over a restart.
  bool FetchWhole(std::string_view tenant, std::string_view mailbox, MessageId message);
  // Before Start(); outlives the collector's run.
  void SetErrands(Errands* errands) { errands_ = errands; }
  // Main loop. A connection to the mailbox's submission server, or one to its source instead of the
  // next check, for Errands to use. Asking again before it is given changes nothing. The mailbox
  // exists, and has a submission server.
  void WantSubmission(MailboxId mailbox);
  void WantFiling(MailboxId mailbox);
  // Before Start(); outlives the collector's run.
  void SetInspector(Inspector* inspector) { inspector_ = inspector; }
  // Main loop, of a continuous run. From now on checks of the mailbox, which exists, begin with the
  // inspector's look at its source, and the next one comes as soon as nobody is kept waiting for
  // it; until EndInspection().
  void WantInspection(MailboxId mailbox);
  void EndInspection(MailboxId mailbox);
  MailboxState* FindById(MailboxId mailbox) const;
  // Main loop. Its connections are coming to their end, because it goes or begins anew.
  bool IsEnding(MailboxId mailbox) const;
  // Any thread: whether it is known here, be it that its connections are still to end. No mailbox:
  // whether any of the tenant is.
  bool IsCollected(const std::string& tenant, const std::optional<std::string>& mailbox) const;
  bool stopping() const { return stopping_; }
  // What a pool and a tenant of the scheduler are called.
  struct PoolNames {
    std::string host;
    std::string egress;            // "": the system's choice.
    uint32_t connections_max = 0;  // As configured.
    uint64_t day_bytes_max = 0;    // 0: no limit.
  };
  PoolNames NamesOf(scheduler::HostId host, scheduler::EgressId egress) const;
  // Tenants that have a quota. Main loop.
  struct QuotaUse {
    TenantId tenant;
    std::string name;
    uint64_t bytes_max = 0;
    uint64_t bytes = 0;
  };
  std::vector<QuotaUse> QuotaUses() const;
  // Of the data directory's disk. Main loop.
  struct DiskRoom {
    std::optional<uint64_t> free_bytes;  // None: it cannot be told.
    bool collecting_paused = false;
  };
  DiskRoom Disk() const;
  const std::string& NameOf(TenantId tenant) const { return tenant_names_.at(tenant); }

 private:
  // What a held session is told: the next grant to work on, or none: to close.
  using Decision = std::optional<scheduler::Grant>;
  struct Hold {  // A session that waits for work or news; on its worker's loop.
    SourceSession* session = nullptr;
    bool decided = false;
    net::OneShot<Decision> decision;
  };
  struct WorkerState {  // Touched on its loop only, but for the pointers.
    Worker worker;
    net::TaskGroup tasks;
    std::vector<std::pair<MailboxId, SourceSession*>> sessions;
    std::set<MailboxId> ending;                    // Sessions that open for these end at once.
    std::map<uint64_t, Hold*> holds;               // By ticket of their grant.
    std::map<uint64_t, Decision> early_decisions;  // For holds that have not begun yet.
    KnownServers servers;
    send::OpenLines open_lines;
    bool stopping = false;
  };
  using PoolKey = std::pair<scheduler::HostId, scheduler::EgressId>;
  struct Held {  // The same on the main loop.
    scheduler::Grant grant;
    MailboxState* mailbox = nullptr;
    WorkerState* worker = nullptr;
    net::Loop::TimerId timer = 0;
  };
  struct HeldPool {
    std::map<uint64_t, Held> sessions;  // By ticket.
    size_t closing = 0;                 // Told to close, not closed yet.
  };
  // What the main loop sends along with a grant.
  struct Visitor {
    MailboxState* mailbox = nullptr;
    std::vector<MessageId> wanted;
    bool leaves_quiet = false;     // Nothing can follow a check without news: no need to ask.
    bool may_leave_early = false;  // Nobody waits for its news.
    bool inspects = false;
  };
  struct StageReply {
    std::optional<scheduler::Grant> next;
    bool hold = false;  // No grant now: keep the connection and wait.
    bool rest = false;  // The grant is for what a check of this session has left, and no more.
  };
  struct HostState {
    uint32_t attempts = 0;  // Batch: failures to reach it in a row, counted once per second.
    TimePoint counted_at{};
    std::string name;
    CheckTime check_time;
    uint32_t check_samples_saved = 0;
    uint32_t connections = 0;  // As configured.
    uint64_t day_bytes = 0;    // In one day through one egress address; 0: no limit.
    // How long after its end a connection still counts: some servers refuse the next one until they
    // have cleaned up, so a refusal doubles it.
    Duration settle{0};
  };

  // A login test. No mailbox lies in the control shard: ids of its own. Its memory is touched on
  // its worker's loop only, all else on the main loop.
  static constexpr ShardId kProbeShard = 0;
  struct Probe {
    LoginTest test;
    std::function<void(LoginTestResult)> on_done;  // Null: answered.
    net::Loop::TimerId timer = 0;
    size_t worker = 0;
    bool out = false;  // Its grant.
    SourceMemory memory;
    Secret rotated;  // Written by the worker before its grant comes back.
  };

  scheduler::HostId HostOf(const std::string& pool, const config::ProviderProfile* profile);
  config::HostLimits LimitsOf(const std::string& host,
                              const config::ProviderProfile* profile) const;
  Result<MailboxState*> AddMailbox(const OnboardedTenant& tenant, size_t index);
  std::unique_ptr<SourceMemory> NewMemory(MailboxState* owner, bool of_submission);
  void SubmitFirst(MailboxState& mailbox);

  // Changes while running (collector_updates.cc).
  std::vector<MailboxState*> OfTenant(std::string_view tenant) const;
  void ApplyTo(MailboxState& mailbox, MailboxUpdate update);
  void EndConnections(MailboxState& mailbox);
  void TakeUpdate(MailboxState& mailbox);  // None is out. The mailbox may be gone afterwards.
  void Restart(MailboxState& mailbox, MailboxUpdate update);
  void Remove(MailboxState& mailbox);
  void ForgetSubmitter(MailboxState& mailbox);
  void GrantEnded(MailboxState& mailbox);  // The mailbox may be gone afterwards.
  static bool IsEnding(const MailboxState& mailbox) {
    return mailbox.update.has_value() && mailbox.update->restart;
  }
  void SetDayLimits(MailboxState& mailbox);

  void Pump();
  void ArmTimer();
  void Dispatch(scheduler::Grant grant);
  net::Task<void> RunGrant(WorkerState& worker, scheduler::Grant grant, Visitor visitor);
  struct SessionEnd {
    Status status;
    std::optional<pipeline::VisitResult> unreported;  // Of the stage after which it leaves.
    bool left_with_news = false;                      // The check is still to be done.
    bool only_checked = false;                        // One check that found nothing was all.
  };
  net::Task<SessionEnd> RunSession(WorkerState& worker, SourceSession& session,
                                   scheduler::Grant* grant, const Visitor& visitor);
  net::Task<SessionEnd> TryLogin(SourceSession& session);
  net::Task<SessionEnd> LookOnly(WorkerState& worker, const MailboxState& mailbox,
                                 SourceSession& session);
  net::Task<Status> Inspect(WorkerState& worker, const MailboxState& mailbox,
                            SourceSession& session);
  net::Task<StageReply> ReportStage(scheduler::Grant grant, MailboxState* mailbox,
                                    pipeline::VisitResult result, bool slow_down);
  net::Task<Decision> HoldSession(WorkerState& worker, SourceSession& session,
                                  pipeline::MailboxVisit& visit, scheduler::Grant grant);
  enum class HoldEnd : uint8_t {
    kNews,    // Something happened, or a decision came first.
    kSilent,  // The server cannot tell.
    kLost,    // The session is over.
  };
  net::Task<HoldEnd> AwaitNews(WorkerState& worker, Hold& hold, pipeline::MailboxVisit& visit);

  // Holding sessions (collector_holds.cc); main loop.
  bool ShouldHold(const scheduler::Grant& grant, const MailboxState& mailbox) const;
  void BeginHold(const scheduler::Grant& grant, MailboxState& mailbox);
  void OnHoldDue(PoolKey pool, uint64_t ticket);
  void OnNews(PoolKey pool, uint64_t ticket);
  void OnHoldLost(PoolKey pool, uint64_t ticket);
  void Decide(PoolKey pool, uint64_t ticket, Decision decision);
  void ReleaseWanted();
  size_t ClosingFrom(scheduler::EgressId egress) const;
  std::pair<PoolKey, uint64_t> LeastActive(const PoolKey& pool, bool of_pool) const;
  void ReleaseAll();

  // Login tests (collector_probes.cc).
  static net::Task<void> KeepForLater(Probe* probe, Secret token);
  void AnswerProbe(Probe& probe, const Status& status);
  void OnProbeLate(MailboxId id);
  void ForgetProbe(MailboxId id, const Status& status);
  void StopProbes();
  void DispatchProbe(const scheduler::Grant& grant);
  net::Task<void> RunProbe(WorkerState& worker, scheduler::Grant grant, Probe* probe);
  void OnProbeEnded(const scheduler::Grant& grant, const Status& status, bool token_failed,
                    std::chrono::seconds login_delay);
  void FinishProbe(const scheduler::Grant& grant, const Status& status);

  // Errands (collector_errands.cc).
  enum class ErrandKind : uint8_t { kSubmission, kFiling };
  void DispatchErrand(const scheduler::Grant& grant, MailboxState& mailbox, ErrandKind kind);
  net::Task<void> RunErrand(WorkerState& worker, scheduler::Grant grant, MailboxState* mailbox,
                            ErrandKind kind);
  void OnErrandEnded(const scheduler::Grant& grant, MailboxState& mailbox, ErrandKind kind,
                     const Status& status);
  void FinishErrand(const scheduler::Grant& grant, MailboxState& mailbox, ErrandKind kind,
                    const Status& status);

  StageReply OnStageDone(const scheduler::Grant& grant, MailboxState& mailbox,
                         const pipeline::VisitResult& result, bool slow_down);
  // The part of OnStageDone() that does not depend on the session going on.
  void Absorb(const scheduler::Grant& grant, MailboxState& mailbox,
              const pipeline::VisitResult& result);
  // `told`: what the pool is to learn. Of a failure the same, or that it is not the server's doing;
  // of a success what the server wants all the same (SourceSession::throttle_hint).
  void OnGrantEnded(const scheduler::Grant& grant, MailboxState& mailbox, const Status& status,
                    const Status& told);
  void FinishGrant(const scheduler::Grant& grant, MailboxState& mailbox, const Status& status,
                   const Status& told);
  Duration SettleTime(scheduler::HostId host, const Status& status);
  void LogAddressChanges();
  void OnSuccess(MailboxState& mailbox, const scheduler::Grant& grant, uint64_t stored);
  // Bytes per day (collector_days.cc). Draws what the grant may fetch and makes it its slice.
  void DrawBytes(scheduler::Grant& grant, MailboxState& mailbox);
  void ReturnBytes(const scheduler::Grant& grant, MailboxState& mailbox, uint64_t fetched);
  void TellDay();
  std::string PoolName(scheduler::HostId host, scheduler::EgressId egress) const;
  void NoteDayUse(const scheduler::Grant& grant, const MailboxState& mailbox);
  void NoteDayUse(std::string name, uint64_t limit, const scheduler::DayUse& use);
  void SaveDayUses();
  void SaveAllDayUses();
  Status RestoreDayUses();
  void RestoreDayUse(const MailboxState& mailbox);
  void RestorePoolDayUses(scheduler::HostId host);
  std::optional<scheduler::DayUse> SavedDayUse(const std::string& name, uint64_t limit) const;
  // Times of checks (collector_check_times.cc).
  void NoteCheckTime(const scheduler::Grant& grant, const MailboxState& mailbox);
  // Of hosts with at least so many more samples than are saved; > 0.
  void SaveCheckTimes(uint32_t samples_min);
  void RestoreCheckTimes();
  // Quotas (collector_quota.cc).
  Status CountQuotaBytes();
  bool IsOverQuota(const MailboxState& mailbox) const;
  void ParkForQuota(MailboxState& mailbox);
  void ArmQuotaTimer();
  void ResumeWithinQuota();
  void SetQuota(std::string_view name, TenantId tenant, uint64_t bytes_max);  // 0: none.
  // Main loop; what became of mailboxes that wait for room.
  void ParkMailbox(MailboxState& mailbox, std::string_view state, const Status& status);
  void Unpark(MailboxState& mailbox);
  void ForgetParked(MailboxState& mailbox);  // It waits no longer, or goes.

  // Room on the disk (collector_disk.cc).
  bool DiskIsLow();
  void ParkForDisk(MailboxState& mailbox);
  void WatchDisk();
  // Refresh tokens (collector_tokens.cc).
  enum class Grant : uint8_t { kSource, kSubmission };
  static const config::OAuth2* GrantOf(const MailboxState& mailbox, Grant grant);  // Null: none.
  Status RestoreTokens();
  // All that are kept, by their names. Any thread.
  // Of one tenant; "": of all.
  Status ReadTokens(std::string_view tenant,
                    const std::function<void(std::string_view, const Result<Secret>&)>& each) const;
  // Of these mailboxes only, unless null: the memory of others belongs to their workers by now.
  void RestoreToken(std::string_view name, const Result<Secret>& kept,
                    const std::set<const MailboxState*>* only);
  net::Task<void> KeepRefreshToken(const MailboxState* mailbox, Grant grant, Secret refresh_token);
  // Logins of a process that ended in order (collector_logins.cc).
  void SaveLastLogin();
  void HoldLogins();
  // `of_server`: the mail server had a part in it.
  void OnFailure(MailboxState& mailbox, const scheduler::Grant& grant, const Status& status,
                 bool of_server, scheduler::CredentialVerdict verdict);
  void CountHostFailure(const MailboxState& mailbox, const Status& status);
  void EndBatchFor(MailboxState& mailbox, const Status& status, bool deferred);
  void SubmitFollowing(MailboxState& mailbox, const scheduler::Grant& done,
                       const pipeline::VisitResult& result);
  void SubmitRest(MailboxState& mailbox, const scheduler::Grant& done, TimePoint not_before);
  void Submit(MailboxState& mailbox, scheduler::JobKind kind, TimePoint not_before,
              TimePoint deadline, bool refresh = false);
  // After one that looked for news so long ago.
  void SubmitNextCheck(MailboxState& mailbox, Duration age = Duration::zero());
  // A POP3 session sees the mailbox as it was at its login: a check that is due needs another.
  bool NeedsNewSession(const MailboxState& mailbox) const;
  Duration FreshnessOf(const MailboxState& mailbox) const;
  MailboxState* FindMutable(std::string_view tenant, std::string_view mailbox);
  void RefreshNow(MailboxState& mailbox);
  void MarkDirty(MailboxState& mailbox);
  void FlushDirty();
  void CheckDone();

  const CollectorOptions options_;
  const config::Config& config_;
  pipeline::Context& context_;
  net::Loop& main_;
  scheduler::Scheduler scheduler_;
  std::vector<std::unique_ptr<WorkerState>> workers_;
  std::map<std::string, scheduler::HostId, std::less<>> hosts_;
  std::vector<HostState> host_states_;
  std::vector<std::optional<net::IpAddress>> egress_;  // By EgressId; none: the system's choice.
  std::vector<std::unique_ptr<MailboxState>> mailboxes_;
  std::unordered_map<MailboxId, MailboxState*> by_id_;
  // The main loop alone changes it, under the mutex; other threads read it under the mutex.
  std::map<std::string, MailboxState*, std::less<>> by_name_;
  mutable std::mutex names_mutex_;
  size_t mailboxes_added_ = 0;  // Since the start.
  std::map<TenantId, std::string> tenant_names_;
  std::vector<QuotaUse> quotas_;                        // Without their bytes.
  std::map<TenantId, std::set<MailboxState*>> parked_;  // By quota.
  net::Loop::TimerId quota_timer_ = 0;
  std::map<MailboxId, MailboxState*> parked_for_disk_;
  net::Loop::TimerId disk_timer_ = 0;
  TimePoint disk_looked_at_ = TimePoint::min();
  bool disk_low_ = false;                                  // At that time.
  std::map<TenantId, std::atomic<uint64_t>> quota_asked_;  // What mailboxes point to; none goes.
  std::map<MailboxId, const MailboxState*> dirty_;  // By id: the order is the same in every run.
  net::Loop::TimerId flush_timer_ = 0;
  net::Loop::TimerId day_timer_ = 0;
  TimePoint last_login_ = TimePoint::min();
  std::map<std::string, scheduler::DayUse> day_uses_saved_;  // By name.
  std::vector<store::DayUseRow> day_uses_;                   // To be saved.
  std::map<PoolKey, HeldPool> held_;
  size_t batch_open_ = 0;  // Batch: mailboxes not over.
  net::Loop::TimerId timer_ = 0;
  bool started_ = false;
  bool stopping_ = false;
  size_t workers_draining_ = 0;
  Errands* errands_ = nullptr;
  Inspector* inspector_ = nullptr;
  std::map<MailboxId, std::unique_ptr<Probe>> probes_;
  uint64_t probes_made_ = 0;
  Allowances tested_hosts_{kTestedHostsMax, kTestedHostEvery};  // By tenant.
  // By full name: the first login of a mailbox whose test has used up what the server allows.
  std::map<std::string, TimePoint> login_holds_;
  std::function<void()> on_done_;
  Summary summary_;
};

}  // namespace mailhaul::app
