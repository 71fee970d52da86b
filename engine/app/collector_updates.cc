// The configuration of tenants changes while the collector runs. Main loop, but for what is said.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "engine/app/collector.h"

namespace mailhaul::app {
namespace {

bool SameToken(const std::optional<config::OAuth2>& a, const std::optional<config::OAuth2>& b) {
  return a.has_value() && b.has_value() &&
         a->refresh_token.EqualsInConstantTime(b->refresh_token.Reveal());
}

bool SameGrant(const std::optional<config::OAuth2>& a, const std::optional<config::OAuth2>& b) {
  return SameToken(a, b) && a->token_url == b->token_url && a->client_id == b->client_id &&
         a->client_secret.EqualsInConstantTime(b->client_secret.Reveal());
}

bool Same(const config::Freshness& a, const config::Freshness& b) {
  return a.active == b.active && a.normal == b.normal && a.dormant == b.dormant &&
         a.active_for == b.active_for && a.dormant_after == b.dormant_after;
}

bool Same(const config::Send& a, const config::Send& b) {
  return a.per_mailbox_per_minute == b.per_mailbox_per_minute &&
         a.per_tenant_per_minute == b.per_tenant_per_minute && a.retry_for == b.retry_for;
}

}  // namespace

void Collector::Apply(OnboardedTenant tenant) {
  MH_CHECK(started_ && options_.continuous);
  if (stopping_) {
    return;
  }
  scheduler_.SetTenantWeight(tenant.id, tenant.config->weight);
  tenant_names_.emplace(tenant.id, tenant.config->name);
  std::unordered_set<MailboxId> present(tenant.mailboxes.begin(), tenant.mailboxes.end());
  for (MailboxState* const mailbox : OfTenant(tenant.config->name)) {
    if (!present.contains(mailbox->id)) {
      ApplyTo(*mailbox, MailboxUpdate{.tenant = mailbox->tenant});
    }
  }
  const size_t hosts_before = host_states_.size();
  std::vector<MailboxState*> added;
  std::set<const MailboxState*> fresh;  // Those that know no token that was kept.
  for (size_t i = 0; i < tenant.mailboxes.size(); ++i) {
    const config::MailboxConfig& config = tenant.config->mailboxes[i];
    if (MailboxState* const known = FindById(tenant.mailboxes[i])) {
      const bool goes = known->update.has_value() && known->update->config == nullptr;
      const config::MailboxConfig& last =
          known->update.has_value() && !goes ? *known->update->config : *known->config;
      const bool restart = goes || IsEnding(*known) || last.fingerprint != config.fingerprint ||
                           last.source.host != config.source.host;
      ApplyTo(*known, {.tenant = tenant.config, .config = &config, .restart = restart});
      if (restart && !known->update.has_value()) {
        fresh.insert(known);
      }
      continue;
    }
    const Result<MailboxState*> state = AddMailbox(tenant, i);
    if (!state.ok()) {
      LogWarning("mailbox " + tenant.config->name + "/" + config.id +
                 " is not collected: " + state.status().ToString());
      continue;
    }
    added.push_back(*state);
  }
  fresh.insert(added.begin(), added.end());
  for (const auto& [name, kept] : tenant.tokens) {
    RestoreToken(name, kept, &fresh);
  }
  for (size_t host = hosts_before; host < host_states_.size(); ++host) {
    RestorePoolDayUses(static_cast<scheduler::HostId>(host));
  }
  for (MailboxState* const mailbox : added) {
    RestoreDayUse(*mailbox);
    SubmitFirst(*mailbox);
    if (errands_ != nullptr) {
      errands_->MailboxChanged(*mailbox);
    }
  }
  TellDay();
  SetQuota(tenant.config->name, tenant.id, tenant.config->quota_bytes);
  Pump();
}

bool Collector::IsCollected(const std::string& tenant,
                            const std::optional<std::string>& mailbox) const {
  const std::string name = tenant + "/" + mailbox.value_or("");
  const std::lock_guard lock(names_mutex_);
  const auto found = by_name_.lower_bound(name);
  return found != by_name_.end() &&
         (mailbox.has_value() ? found->first == name : found->first.starts_with(name));
}

void Collector::RemoveTenant(std::string_view tenant) {
  for (MailboxState* const mailbox : OfTenant(tenant)) {
    ApplyTo(*mailbox, MailboxUpdate{.tenant = mailbox->tenant});
  }
  SetQuota(tenant, TenantId(), 0);
  Pump();
}

// Of very many mailboxes only those that are asked for: tenants may change by the hundred.
std::vector<MailboxState*> Collector::OfTenant(std::string_view tenant) const {
  const std::string prefix = std::string(tenant) + "/";
  std::vector<MailboxState*> mailboxes;
  for (auto it = by_name_.lower_bound(prefix);
       it != by_name_.end() && it->first.starts_with(prefix); ++it) {
    mailboxes.push_back(it->second);
  }
  return mailboxes;
}

std::unordered_set<MailboxId> Collector::MailboxesOf(std::string_view tenant) const {
  std::unordered_set<MailboxId> mailboxes;
  for (const MailboxState* const mailbox : OfTenant(tenant)) {
    const bool goes = mailbox->update.has_value() && mailbox->update->config == nullptr;
    if (!goes) {
      mailboxes.insert(mailbox->id);
    }
  }
  return mailboxes;
}

void Collector::ApplyTo(MailboxState& mailbox, MailboxUpdate update) {
  mailbox.update = std::move(update);
  if (mailbox.grants_out == 0) {
    TakeUpdate(mailbox);
  } else if (IsEnding(mailbox)) {
    EndConnections(mailbox);
  }
}

// A submission that is under way is left to its end: cut off, its outcome would not be known.
void Collector::EndConnections(MailboxState& mailbox) {
  WorkerState* const worker = workers_[mailbox.worker].get();
  const MailboxId id = mailbox.id;
  worker->worker.loop->Post([worker, id] {
    worker->ending.insert(id);
    for (const auto& [of, session] : worker->sessions) {
      if (of == id) {
        session->Abort();
      }
    }
  });
  if (mailbox.held_in.has_value()) {
    Decide(*mailbox.held_in, mailbox.held_ticket, std::nullopt);
  }
}

void Collector::GrantEnded(MailboxState& mailbox) {
  MH_CHECK(mailbox.grants_out > 0);
  --mailbox.grants_out;
  if (mailbox.grants_out == 0 && mailbox.update.has_value() && !stopping_) {
    TakeUpdate(mailbox);
  }
}

void Collector::TakeUpdate(MailboxState& mailbox) {
  MailboxUpdate update = *std::move(mailbox.update);
  mailbox.update.reset();
  if (update.restart) {
    WorkerState* const worker = workers_[mailbox.worker].get();
    worker->worker.loop->Post([worker, id = mailbox.id] { worker->ending.erase(id); });
  }
  if (update.config == nullptr) {
    Remove(mailbox);
    return;
  }
  if (update.restart) {
    Restart(mailbox, std::move(update));
  } else {
    // Of a large tenant this happens to very many mailboxes at once: nothing that can be left out.
    const std::shared_ptr<const config::TenantConfig> before = std::move(mailbox.tenant);
    mailbox.tenant = std::move(update.tenant);
    mailbox.config = update.config;
    if (mailbox.phase == MailboxState::Phase::kOk &&
        !Same(before->freshness, mailbox.tenant->freshness)) {
      SubmitNextCheck(mailbox);  // It may be due sooner now.
    }
    if (Same(before->send, mailbox.tenant->send)) {
      return;
    }
  }
  if (errands_ != nullptr) {
    errands_->MailboxChanged(mailbox);
  }
}

bool Collector::IsEnding(MailboxId mailbox) const {
  const MailboxState* const known = FindById(mailbox);
  return known != nullptr && IsEnding(*known);
}

void Collector::ForgetSubmitter(MailboxState& mailbox) {
  if (std::exchange(mailbox.submitter_added, false)) {
    const Status removed = scheduler_.RemoveMailbox(scheduler::SubmitterOf(mailbox.id));
    MH_CHECK(removed.ok());
  }
}

void Collector::Restart(MailboxState& mailbox, MailboxUpdate update) {
  const std::shared_ptr<const config::TenantConfig> before = mailbox.tenant;
  const config::MailboxConfig& old = *mailbox.config;
  const config::MailboxConfig& now = *update.config;
  mailbox.tenant = std::move(update.tenant);
  mailbox.config = &now;
  // What was learned of a server or an account may be wrong of another one; a refresh token that
  // has replaced the configured one is as good as it was.
  std::unique_ptr<SourceMemory> memory = NewMemory(&mailbox, /*of_submission=*/false);
  if (SameGrant(old.source.oauth2, now.source.oauth2)) {
    std::swap(memory->tokens, mailbox.memory->tokens);
  }
  if (SameToken(old.source.oauth2, now.source.oauth2)) {
    memory->refresh_token = mailbox.memory->refresh_token;
  }
  std::unique_ptr<SourceMemory> of_submission = NewMemory(&mailbox, /*of_submission=*/true);
  if (old.submission && now.submission &&
      SameGrant(old.submission->oauth2, now.submission->oauth2)) {
    std::swap(of_submission->tokens, mailbox.submission_memory->tokens);
  }
  if (old.submission && now.submission &&
      SameToken(old.submission->oauth2, now.submission->oauth2)) {
    of_submission->refresh_token = mailbox.submission_memory->refresh_token;
  }
  std::swap(memory, mailbox.memory);
  std::swap(of_submission, mailbox.submission_memory);
  // What is left of the old ones belongs to the worker's loop.
  workers_[mailbox.worker]->worker.loop->Post(
      [a = std::shared_ptr<SourceMemory>(std::move(memory)),
       b = std::shared_ptr<SourceMemory>(std::move(of_submission))] {});
  const scheduler::DayUse use = scheduler_.MailboxDayUse(mailbox.id);
  Status moved = scheduler_.RemoveMailbox(mailbox.id);
  MH_CHECK(moved.ok());
  const size_t hosts_before = host_states_.size();
  mailbox.host = HostOf(now.pool, now.profile.get());
  moved = scheduler_.AddMailbox(mailbox.id, mailbox.tenant_id, mailbox.host);
  MH_CHECK(moved.ok());
  SetDayLimits(mailbox);
  if (mailbox.host >= hosts_before) {
    RestorePoolDayUses(mailbox.host);
  }
  if (mailbox.own_day_bytes != 0) {
    scheduler_.RestoreMailboxDayUse(mailbox.id, use);
  }
  ForgetSubmitter(mailbox);
  ForgetParked(mailbox);
  mailbox.phase = MailboxState::Phase::kPending;
  mailbox.last_error = Status::Ok();
  mailbox.attempts = 0;
  mailbox.window_queued = mailbox.backfill_queued = false;
  mailbox.check_from = TimePoint::max();
  mailbox.promised.reset();
  mailbox.login_not_before = {};
  const TimePoint at = context_.clock.Now();
  const bool first = mailbox.last_complete == WallTime{};
  Submit(mailbox, first ? scheduler::JobKind::kWindow : scheduler::JobKind::kNew, at, at);
  if (std::exchange(mailbox.submission_wanted, false) && now.submission.has_value() &&
      !now.submission->host.empty()) {
    WantSubmission(mailbox.id);
  }
}

void Collector::Remove(MailboxState& mailbox) {
  if (errands_ != nullptr) {
    errands_->MailboxGone(mailbox);
  }
  if (dirty_.contains(mailbox.id)) {
    FlushDirty();
  }
  if (mailbox.own_day_bytes != 0) {  // Should it come back today.
    day_uses_saved_["mailbox/" + FormatId(mailbox.id.value)] = scheduler_.MailboxDayUse(mailbox.id);
  }
  ForgetSubmitter(mailbox);
  ForgetParked(mailbox);
  const Status removed = scheduler_.RemoveMailbox(mailbox.id);
  MH_CHECK(removed.ok());
  {
    const std::lock_guard lock(names_mutex_);
    by_name_.erase(mailbox.FullName());
  }
  by_id_.erase(mailbox.id);
  // What its worker has posted before may still name it: it goes after that.
  WorkerState* const worker = workers_[mailbox.worker].get();
  std::unique_ptr<MailboxState>& place = mailboxes_[mailbox.index];
  MH_CHECK(place.get() == &mailbox);
  const std::shared_ptr<MailboxState> last(std::move(place));
  if (last->index + 1 < mailboxes_.size()) {
    place = std::move(mailboxes_.back());
    place->index = last->index;
  }
  mailboxes_.pop_back();
  worker->worker.loop->Post([last] {});
}

}  // namespace mailhaul::app
