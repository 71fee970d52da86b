#include "engine/app/collector.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "scheduler/restart.h"

namespace mailhaul::app {
namespace {

scheduler::HostLimits ToLimits(const config::HostLimits& limits) {
  scheduler::HostLimits converted;
  converted.connections = limits.connections;
  converted.logins_per_second = limits.logins_per_second;
  converted.bytes_per_day = limits.bytes_per_day;
  return converted;
}

}  // namespace

Collector::Collector(CollectorOptions options, const config::Config& config,
                     pipeline::Context& context, net::Loop& main_loop, std::vector<Worker> workers)
    : options_(std::move(options)),
      config_(config),
      context_(context),
      main_(main_loop),
      scheduler_(options_.scheduler) {
  for (const Worker& worker : workers) {
    workers_.push_back(std::make_unique<WorkerState>());
    workers_.back()->worker = worker;
  }
}

Collector::~Collector() = default;

Status Collector::Prepare() {
  for (const config::Egress& egress : config_.egress) {
    egress_.emplace_back();
    if (!egress.address.empty()) {
      MH_ASSIGN_OR_RETURN(egress_.back(), net::IpAddress::Parse(egress.address));
    }
    scheduler_.AddEgress(egress.address, egress.connections);
  }
  if (config_.egress.empty()) {
    egress_.emplace_back();
    scheduler_.AddEgress("", config::Egress().connections);
  }
  for (const config::TenantConfig& tenant : config_.tenants) {
    // Not owned: the configuration outlives the collector.
    const std::shared_ptr<const config::TenantConfig> shared(std::shared_ptr<void>(), &tenant);
    MH_ASSIGN_OR_RETURN(const OnboardedTenant onboarded,
                        OnboardInStore(shared, [](MailboxId) { return true; }));
    scheduler_.SetTenantWeight(onboarded.id, tenant.weight);
    tenant_names_.emplace(onboarded.id, tenant.name);
    for (size_t i = 0; i < onboarded.mailboxes.size(); ++i) {
      MH_RETURN_IF_ERROR(AddMailbox(onboarded, i).status());
    }
  }
  summary_.mailboxes_total = mailboxes_.size();
  MH_RETURN_IF_ERROR(CountQuotaBytes());
  RestoreCheckTimes();
  MH_RETURN_IF_ERROR(RestoreTokens());
  return RestoreDayUses();
}

Result<OnboardedTenant> Collector::OnboardInStore(
    std::shared_ptr<const config::TenantConfig> tenant,
    const std::function<bool(MailboxId mailbox)>& is_new) const {
  OnboardedTenant onboarded;
  onboarded.config = std::move(tenant);
  MH_ASSIGN_OR_RETURN(onboarded.id, context_.store.EnsureTenant(onboarded.config->name));
  std::vector<store::MailStore::NewMailbox> names;
  for (const config::MailboxConfig& mailbox : onboarded.config->mailboxes) {
    names.push_back({.name = mailbox.id, .address = mailbox.address});
  }
  MH_ASSIGN_OR_RETURN(onboarded.mailboxes, context_.store.EnsureMailboxes(onboarded.id, names));
  bool with_tokens = false;
  for (size_t i = 0; i < onboarded.mailboxes.size(); ++i) {
    const config::MailboxConfig& mailbox = onboarded.config->mailboxes[i];
    const MailboxId id = onboarded.mailboxes[i];
    if (is_new(id)) {
      MH_ASSIGN_OR_RETURN(onboarded.records[id], context_.store.GetMailbox(id));
    }
    with_tokens = with_tokens || mailbox.source.oauth2.has_value() ||
                  (mailbox.submission && mailbox.submission->oauth2.has_value());
  }
  if (started_ && onboarded.config->quota_bytes != 0 && !context_.store.BytesOf(onboarded.id)) {
    MH_RETURN_IF_ERROR(context_.store.CountBytes({&onboarded.id, 1}));
  }
  if (started_ && with_tokens) {
    MH_RETURN_IF_ERROR(ReadTokens(onboarded.config->name,
                                  [&onboarded](std::string_view name, const Result<Secret>& kept) {
                                    onboarded.tokens.emplace_back(name, kept);
                                  }));
  }
  return onboarded;
}

std::unique_ptr<SourceMemory> Collector::NewMemory(MailboxState* owner, bool of_submission) {
  auto memory = std::make_unique<SourceMemory>();
  const Grant grant = of_submission ? Grant::kSubmission : Grant::kSource;
  memory->keep_refresh_token = [this, owner, grant](Secret token) {
    // The one of now: a token source may have been handed on to a memory that came later.
    (grant == Grant::kSource ? owner->memory : owner->submission_memory)->refresh_token = token;
    return KeepRefreshToken(owner, grant, std::move(token));
  };
  return memory;
}

Result<MailboxState*> Collector::AddMailbox(const OnboardedTenant& tenant, size_t index) {
  const config::MailboxConfig& mailbox = tenant.config->mailboxes[index];
  const auto found = tenant.records.find(tenant.mailboxes[index]);
  if (found == tenant.records.end()) {
    return Status(Code::kInternal, "its record was not read");
  }
  const store::MailboxRecord& record = found->second;
  auto state = std::make_unique<MailboxState>();
  state->id = tenant.mailboxes[index];
  state->tenant_id = tenant.id;
  state->tenant = tenant.config;
  state->config = &mailbox;
  state->index = mailboxes_.size();
  state->host = HostOf(mailbox.pool, mailbox.profile.get());
  state->worker = mailboxes_added_++ % workers_.size();
  state->quota_asked = &quota_asked_[tenant.id];
  state->memory = NewMemory(state.get(), /*of_submission=*/false);
  state->submission_memory = NewMemory(state.get(), /*of_submission=*/true);
  state->last_complete = record.last_complete;
  state->last_used = record.last_used == WallTime{} ? context_.clock.WallNow() : record.last_used;
  state->window_coverage = record.window_coverage;
  state->backfill_coverage = record.backfill_coverage;
  if (const auto hold = login_holds_.find(state->FullName()); hold != login_holds_.end()) {
    state->login_not_before = hold->second;
    login_holds_.erase(hold);
  }
  MH_RETURN_IF_ERROR(scheduler_.AddMailbox(state->id, tenant.id, state->host));
  SetDayLimits(*state);
  by_id_.emplace(state->id, state.get());
  {
    const std::lock_guard lock(names_mutex_);
    by_name_.emplace(state->FullName(), state.get());
  }
  mailboxes_.push_back(std::move(state));
  return mailboxes_.back().get();
}

scheduler::HostId Collector::HostOf(const std::string& host,
                                    const config::ProviderProfile* profile) {
  const auto it = hosts_.find(host);
  if (it != hosts_.end()) {
    return it->second;
  }
  const scheduler::HostId id = scheduler_.AddHost(host, ToLimits(LimitsOf(host, profile)));
  hosts_.emplace(host, id);
  host_states_.resize(std::max<size_t>(host_states_.size(), id + 1));
  host_states_[id].name = host;
  return id;
}

void Collector::Start(std::function<void()> on_done) {
  MH_CHECK(!started_);
  started_ = true;
  on_done_ = std::move(on_done);
  batch_open_ = mailboxes_.size();
  const TimePoint now = context_.clock.Now();
  TellDay();
  WatchDisk();
  if (options_.after_unclean_end) {
    scheduler_.BeginRampUp(now);
  } else {
    HoldLogins();
  }
  for (const auto& mailbox : mailboxes_) {
    SubmitFirst(*mailbox);
  }
  Pump();
}

void Collector::SubmitFirst(MailboxState& mailbox) {
  const TimePoint now = context_.clock.Now();
  // Of a mailbox never seen before everything is new: its window is its first check.
  const bool first = mailbox.last_complete == WallTime{};
  scheduler::Job job;
  job.not_before = job.deadline = now;
  if (options_.continuous && !first) {
    job = scheduler::FirstCheck(mailbox.id, now, context_.clock.WallNow() - mailbox.last_complete,
                                FreshnessOf(mailbox), Duration::zero());
  }
  Submit(mailbox, first ? scheduler::JobKind::kWindow : scheduler::JobKind::kNew, job.not_before,
         job.deadline);
}

void Collector::Stop() {
  if (stopping_) {
    return;
  }
  stopping_ = true;
  StopProbes();
  ReleaseAll();
  for (const auto& state : workers_) {
    WorkerState* worker = state.get();
    worker->worker.loop->Post([worker] {
      worker->stopping = true;
      worker->worker.dialer->Abort();
      if (worker->worker.http != nullptr) {
        worker->worker.http->Abort();
      }
      for (const auto& [mailbox, session] : worker->sessions) {
        session->Abort();
      }
      worker->open_lines.AbortAll();
    });
  }
  CheckDone();
}

void Collector::Pump() {
  const TimePoint now = context_.clock.Now();
  while (!stopping_) {
    const std::optional<scheduler::Grant> grant = scheduler_.Take(now);
    if (!grant.has_value()) {
      break;
    }
    Dispatch(*grant);
  }
  ReleaseWanted();
  ArmTimer();
  CheckDone();
}

void Collector::ArmTimer() {
  main_.CancelTimer(timer_);
  timer_ = 0;
  if (stopping_ || (!options_.continuous && batch_open_ == 0)) {
    return;
  }
  const TimePoint now = context_.clock.Now();
  const TimePoint wake = scheduler_.NextWake(now);
  if (!options_.continuous && scheduler_.granted() == 0 &&
      (wake == TimePoint::max() || wake - now > options_.defer_after)) {
    for (const auto& mailbox : mailboxes_) {
      if (!mailbox->batch_over) {
        EndBatchFor(*mailbox,
                    mailbox->last_error.ok()
                        ? Status(Code::kThrottled, "its host's limits leave no turn in this run")
                        : mailbox->last_error,
                    /*deferred=*/true);
      }
    }
    return;
  }
  if (wake != TimePoint::max()) {
    timer_ = main_.AddTimer(wake, [this] {
      timer_ = 0;
      Pump();
    });
  }
}

void Collector::CheckDone() {
  const bool over = stopping_ || (!options_.continuous && batch_open_ == 0);
  if (!started_ || !over || scheduler_.granted() > 0 || !on_done_) {
    return;
  }
  main_.CancelTimer(timer_);
  main_.CancelTimer(day_timer_);
  main_.CancelTimer(flush_timer_);
  main_.CancelTimer(disk_timer_);
  timer_ = disk_timer_ = day_timer_ = flush_timer_ = 0;
  FlushDirty();
  SaveAllDayUses();
  SaveCheckTimes(/*samples_min=*/1);
  SaveLastLogin();
  // Behind the flush, so that everything is durable when `on_done` runs.
  const std::function<void()> done = std::exchange(on_done_, nullptr);
  net::Loop* main = &main_;
  context_.committer.Run([main, done] { main->Post(done); });
}

const MailboxState* Collector::Find(std::string_view tenant, std::string_view mailbox) const {
  std::string name(tenant);
  name += '/';
  name += mailbox;
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

MailboxState* Collector::FindMutable(std::string_view tenant, std::string_view mailbox) {
  const auto it = by_name_.find(std::string(tenant) + "/" + std::string(mailbox));
  return it == by_name_.end() || !options_.continuous || stopping_ ? nullptr : it->second;
}

void Collector::RefreshNow(MailboxState& mailbox) {
  const TimePoint now = context_.clock.Now();
  Submit(mailbox, scheduler::JobKind::kNew, now, now, /*refresh=*/true);
  if (mailbox.held_in.has_value()) {
    OnHoldDue(*mailbox.held_in, mailbox.held_ticket);
  }
  Pump();
}

bool Collector::Refresh(std::string_view tenant, std::string_view mailbox) {
  MailboxState* const state = FindMutable(tenant, mailbox);
  const TimePoint now = context_.clock.Now();
  if (state == nullptr ||
      (state->refreshed_at != TimePoint::min() && now - state->refreshed_at < kRefreshEvery)) {
    return false;
  }
  state->refreshed_at = now;
  RefreshNow(*state);
  return true;
}

bool Collector::FetchWhole(std::string_view tenant, std::string_view mailbox, MessageId message) {
  MailboxState* const state = FindMutable(tenant, mailbox);
  if (state == nullptr) {
    return false;
  }
  const bool known =
      std::find(state->wanted.begin(), state->wanted.end(), message) != state->wanted.end();
  if (!known && state->wanted.size() >= kWantedMax) {
    return false;
  }
  if (!known) {
    state->wanted.push_back(message);
  }
  RefreshNow(*state);
  return true;
}

void Collector::MarkActive(std::string_view tenant, std::string_view mailbox) {
  MailboxState* const found = FindMutable(tenant, mailbox);
  if (found == nullptr) {
    return;
  }
  MailboxState& state = *found;
  const TimePoint now = context_.clock.Now();
  const bool was_active = state.active_until > now;
  state.active_until = now + state.tenant->freshness.active_for;
  state.last_used = context_.clock.WallNow();
  const bool checked_before =
      state.phase == MailboxState::Phase::kPending && state.last_complete != WallTime{};
  if (!was_active && (state.phase == MailboxState::Phase::kOk || checked_before)) {
    SubmitNextCheck(state);
    Pump();
  }
}

void Collector::MarkDirty(MailboxState& mailbox) {
  dirty_.emplace(mailbox.id, &mailbox);
  if (flush_timer_ == 0 && !stopping_) {
    constexpr Duration kFlushEvery = std::chrono::seconds(5);
    flush_timer_ = main_.AddTimer(context_.clock.Now() + kFlushEvery, [this] {
      flush_timer_ = 0;
      FlushDirty();
    });
  }
}

// Last-complete times are written in batches: a check that finds nothing writes nothing by itself.
void Collector::FlushDirty() {
  for (const auto& [id, mailbox] : dirty_) {
    store::MailboxRecord record;
    record.id = mailbox->id;
    record.last_complete = mailbox->last_complete;
    record.last_used = mailbox->last_used;
    record.window_coverage = mailbox->window_coverage;
    record.backfill_coverage = mailbox->backfill_coverage;
    record.error_code = mailbox->last_error.ok()    ? ""
                        : !mailbox->no_room.empty() ? mailbox->no_room
                                                    : ToString(mailbox->last_error.code());
    record.error_detail = mailbox->last_error.message();
    store::MailStore* store = &context_.store;
    context_.committer.Run([store, record] {
      const Result<store::MailboxRecord> stored = store->GetMailbox(record.id);
      store::MailboxRecord merged = record;
      if (stored.ok()) {
        merged.tenant = stored->tenant;
        merged.name = stored->name;
        merged.address = stored->address;
      }
      const Status saved = store->SaveMailboxCheck(merged);
      if (!saved.ok()) {
        LogWarning("cannot save when a mailbox was last checked: " + saved.ToString());
      }
    });
  }
  if (!dirty_.empty()) {
    // No further check may come for long, and what is not in the store nobody else can read.
    context_.committer.Run([store = &context_.store] {
      const Status saved = store->FlushChecks();
      if (!saved.ok()) {
        LogWarning("cannot save when mailboxes were last checked: " + saved.ToString());
      }
    });
  }
  dirty_.clear();
  SaveCheckTimes(CheckTime::kSamplesMin);
}

}  // namespace mailhaul::app
