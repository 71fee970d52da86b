#include "engine/app/mailbox_admin.h"

#include <algorithm>
#include <variant>

#include "base/log.h"
#include "base/text.h"
#include "engine/app/login_outcome.h"
#include "engine/app/refresh_tokens.h"
#include "engine/pipeline/await_on.h"
#include "store/sealed_secrets.h"

namespace mailhaul::app {
namespace {

using http::MailboxOutcome;

static_assert(config::kMailboxBodyBytesMax == http::kMailboxBodyBytesMax);

constexpr Duration kLookAgain = std::chrono::milliseconds(20);
constexpr std::chrono::seconds kUnfinishedWait{5};

MailboxOutcome Problem(unsigned status, std::string code, std::string detail) {
  return {.status = status, .name = "", .code = std::move(code), .detail = std::move(detail)};
}

MailboxOutcome Later(unsigned status, std::string code, std::string detail,
                     std::chrono::seconds wait) {
  MailboxOutcome outcome = Problem(status, std::move(code), std::move(detail));
  outcome.retry_after = wait;
  return outcome;
}

MailboxOutcome Failed(Status cause) {
  MailboxOutcome outcome;
  outcome.status = 503;
  outcome.cause = std::move(cause);
  return outcome;
}

MailboxOutcome BusyRemoving() {
  return Later(409, "mailbox_busy", "a mailbox of this id is still to be removed: DELETE it again",
               kUnfinishedWait);
}

MailboxOutcome RefusedOutcome(config::RefusedBody refused) {
  MailboxOutcome outcome =
      refused.is_json ? Problem(422, "invalid_mailbox", "") : Problem(400, "bad_json", "");
  const config::FieldProblem& first = refused.problems.front();
  outcome.detail = (first.field.empty() ? "" : first.field + ": ") + first.message;
  if (refused.problems.size() > 1) {
    outcome.detail += "; and " + std::to_string(refused.problems.size() - 1) + " more";
  }
  for (config::FieldProblem& problem : refused.problems) {
    if (refused.is_json) {
      outcome.errors.push_back(
          {.field = std::move(problem.field), .message = std::move(problem.message)});
    }
  }
  return outcome;
}

const config::MailboxConfig* FindIn(const config::TenantConfig& tenant, const std::string& id) {
  const auto found =
      std::find_if(tenant.mailboxes.begin(), tenant.mailboxes.end(),
                   [&id](const config::MailboxConfig& mailbox) { return mailbox.id == id; });
  return found == tenant.mailboxes.end() ? nullptr : &*found;
}

// However it is written: many servers take a user name in any case.
std::string AccountOf(const std::string& tenant, const config::MailboxConfig& mailbox) {
  return tenant + "/" + AsciiLowered(mailbox.source.host) + "/" +
         AsciiLowered(mailbox.source.username);
}

}  // namespace

// Of one name, from its making to its end.
class StoredMailboxAdmin::Turn final {
 public:
  Turn(std::map<Name, std::string>* busy, Name name, std::string address)
      : busy_(busy), name_(std::move(name)) {
    busy_->emplace(name_, std::move(address));
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { busy_->erase(name_); }

 private:
  std::map<Name, std::string>* const busy_;
  const Name name_;
};

StoredMailboxAdmin::StoredMailboxAdmin(Parts parts, AddedMailboxes added,
                                       Reloader::Discover discover)
    : parts_(std::move(parts)), discover_(std::move(discover)), added_(std::move(added)) {
  removing_.insert(added_.removed.begin(), added_.removed.end());
}

void StoredMailboxAdmin::ForgetRemoved() {
  const store::MailStore& mail = parts_.context.store;
  for (auto& [tenant, mailboxes] : added_.by_tenant) {
    if (parts_.configured.Find(tenant) != nullptr) {
      continue;  // Its mailboxes go by DELETE alone.
    }
    const std::optional<TenantId> stored = mail.FindTenant(tenant);
    std::erase_if(mailboxes, [&mail, &stored](const auto& mailbox) {
      return !stored || !mail.FindMailbox(*stored, mailbox.first);
    });
  }
  std::erase_if(added_.by_tenant, [](const auto& tenant) { return tenant.second.empty(); });
  std::erase_if(removing_, [this, &mail](const Name& name) {
    const std::optional<TenantId> stored = mail.FindTenant(name.first);
    return !busy_.contains(name) && parts_.configured.Find(name.first) == nullptr &&
           (!stored || !mail.FindMailbox(*stored, name.second));
  });
}

const config::MailboxConfig* StoredMailboxAdmin::FindAdded(const Name& name) const {
  const auto tenant = added_.by_tenant.find(name.first);
  if (tenant == added_.by_tenant.end()) {
    return nullptr;
  }
  const auto found = tenant->second.find(name.second);
  return found == tenant->second.end() ? nullptr : &found->second;
}

void StoredMailboxAdmin::Stop(std::function<void()> on_done) {
  stopping_ = true;
  on_stopped_ = std::move(on_done);
  CheckStopped();
}

void StoredMailboxAdmin::CheckStopped() {
  if (stopping_ && calls_ == 0 && on_stopped_) {
    std::exchange(on_stopped_, nullptr)();
  }
}

net::Task<MailboxOutcome> StoredMailboxAdmin::Add(http::MailboxRequest request) {
  if (parts_.secrets == nullptr) {
    co_return Problem(409, "no_master_key",
                      "the server has no master_key to seal the credentials with; its operator can "
                      "set one");
  }
  std::variant<config::MailboxConfig, config::RefusedBody> read =
      config::ReadMailboxBody(request.body, request.name, *parts_.config.providers);
  if (config::RefusedBody* refused = std::get_if<config::RefusedBody>(&read)) {
    co_return RefusedOutcome(std::move(*refused));
  }
  config::MailboxConfig mailbox = std::get<config::MailboxConfig>(std::move(read));
  std::optional<MailboxOutcome> refusal = Refuse(request, mailbox);
  if (!refusal.has_value()) {
    refusal = RefuseForNow(request.tenant, mailbox);
  }
  if (refusal.has_value()) {
    co_return *std::move(refusal);
  }
  ++calls_;
  MailboxOutcome outcome = co_await AddRead(std::move(request), std::move(mailbox));
  --calls_;
  CheckStopped();
  co_return outcome;
}

std::optional<MailboxOutcome> StoredMailboxAdmin::Refuse(
    const http::MailboxRequest& request, const config::MailboxConfig& mailbox) const {
  const std::shared_ptr<const config::TenantConfig> tenant = parts_.configured.Find(request.tenant);
  if (tenant == nullptr) {
    return Problem(404, "not_found", "");
  }
  const config::MailboxConfig* const known = FindIn(*tenant, mailbox.id);
  if (known != nullptr && !known->added) {
    return Problem(409, "mailbox_configured",
                   "a mailbox of this id stands in the tenant's file, and is changed there");
  }
  const Name name(request.tenant, mailbox.id);
  if (removing_.contains(name)) {
    return BusyRemoving();
  }
  const config::MailboxConfig* const stored = FindAdded(name);
  // What is stored and what is in force differ after a change that the store took only half.
  if (known != nullptr && known->fingerprint == mailbox.fingerprint && stored != nullptr &&
      stored->fingerprint == mailbox.fingerprint) {
    return MailboxOutcome{.status = request.replaces ? 200U : 201U, .name = mailbox.id};
  }
  if (known == nullptr && request.replaces) {
    return Problem(404, "not_found", "");
  }
  if (known != nullptr && !request.replaces) {
    return Problem(409, "mailbox_exists",
                   "there is a mailbox of this id, which was added with something else");
  }
  const auto same = std::find_if(tenant->mailboxes.begin(), tenant->mailboxes.end(),
                                 [&mailbox](const config::MailboxConfig& other) {
                                   return other.id != mailbox.id &&
                                          EqualsIgnoreCase(other.address, mailbox.address);
                                 });
  if (same != tenant->mailboxes.end()) {
    return Problem(409, "address_exists", "the mailbox \"" + same->id + "\" has this address");
  }
  const auto added = added_.by_tenant.find(request.tenant);
  if (known == nullptr && added != added_.by_tenant.end() &&
      added->second.size() >= kAddedMailboxesMax) {
    return Problem(409, "too_many_mailboxes",
                   "a tenant can add " + std::to_string(kAddedMailboxesMax) +
                       " mailboxes; its operator can give it more in its file");
  }
  return std::nullopt;
}

std::optional<MailboxOutcome> StoredMailboxAdmin::RefuseForNow(
    const std::string& tenant, const config::MailboxConfig& mailbox) const {
  if (stopping_) {
    return Failed(Status(Code::kCancelled, "stopping"));
  }
  size_t of_tenant = 0;
  for (const auto& [name, address] : busy_) {
    if (name.first != tenant) {
      continue;
    }
    ++of_tenant;
    if (name.second == mailbox.id || EqualsIgnoreCase(address, mailbox.address)) {
      return Later(409, "mailbox_busy",
                   "a mailbox of this id or address is being added or removed right now",
                   std::chrono::seconds(1));
    }
  }
  if (of_tenant >= kAddingOfTenantMax || busy_.size() >= kAddingMax) {
    return Later(429, "too_many_additions", "others are added first", std::chrono::seconds(2));
  }
  return std::nullopt;
}

net::Task<MailboxOutcome> StoredMailboxAdmin::AddRead(http::MailboxRequest request,
                                                      config::MailboxConfig mailbox) {
  const Turn turn(&busy_, Name(request.tenant, mailbox.id), mailbox.address);
  if (mailbox.source.host.empty()) {
    const Status found = co_await FindServers(request.tenant, &mailbox);
    if (!found.ok()) {
      co_return Problem(422, "no_server_found", found.message());
    }
  }
  LoginTestResult tested;
  if (request.test) {
    std::optional<MailboxOutcome> limited = RefuseLogin(request.tenant, mailbox);
    if (limited.has_value()) {
      co_return *std::move(limited);
    }
    tested = co_await LogIn(request.tenant, &mailbox);
    NoteLogin(request.tenant, mailbox, tested.status);
    if (!tested.status.ok()) {
      LogInfo("mailbox " + request.tenant + "/" + mailbox.id +
              " is not added: " + WithoutSecrets(tested.status, mailbox).ToString());
      co_return OutcomeOfLogin(tested.status, mailbox);
    }
  }
  // The files may say something else by now.
  std::optional<MailboxOutcome> refusal = Refuse(request, mailbox);
  if (refusal.has_value()) {
    co_return *std::move(refusal);
  }
  const auto tenant = added_.by_tenant.find(request.tenant);
  const bool is_new = tenant == added_.by_tenant.end() || !tenant->second.contains(mailbox.id);
  const Status kept = co_await Keep(&request, &mailbox, std::move(tested.refresh_token));
  if (!kept.ok()) {
    co_return Failed(kept);
  }
  LogInfo("mailbox " + request.tenant + "/" + mailbox.id +
          (is_new ? " was added over HTTP" : " was changed over HTTP"));
  co_return MailboxOutcome{.status = is_new ? 201U : 200U, .name = mailbox.id};
}

net::Task<Status> StoredMailboxAdmin::FindServers(std::string tenant,
                                                  config::MailboxConfig* mailbox) {
  config::Config scratch;
  scratch.file = parts_.config.file;
  scratch.network = parts_.config.network;
  scratch.providers = parts_.config.providers;
  config::TenantConfig& only = scratch.tenants.emplace_back();
  only.name = std::move(tenant);
  only.mailboxes.push_back(*mailbox);
  if (!discover_) {
    co_return Status(Code::kNotFound, "give the 'host' of the source");
  }
  net::Task<void> search = discover_(scratch);
  co_await std::move(search);
  *mailbox = std::move(scratch.tenants.front().mailboxes.front());
  co_return mailbox->source.host.empty() ? mailbox->undiscovered : Status::Ok();
}

std::optional<MailboxOutcome> StoredMailboxAdmin::RefuseLogin(
    const std::string& tenant, const config::MailboxConfig& mailbox) {
  const TimePoint now = parts_.context.clock.Now();
  std::optional<Duration> wait = failed_logins_.Take(tenant, now);
  if (wait.has_value()) {
    return Later(429, "too_many_logins", "too many logins of this tenant's tests have failed",
                 std::chrono::ceil<std::chrono::seconds>(*wait));
  }
  wait = refused_logins_.Take(AccountOf(tenant, mailbox), now);
  if (wait.has_value()) {
    failed_logins_.GiveBack(tenant);
    return Later(429, "too_many_logins", "the credentials of this account were refused too often",
                 std::chrono::ceil<std::chrono::seconds>(*wait));
  }
  return std::nullopt;
}

void StoredMailboxAdmin::NoteLogin(const std::string& tenant, const config::MailboxConfig& mailbox,
                                   const Status& status) {
  if (status.code() != Code::kAuthFailed) {
    refused_logins_.GiveBack(AccountOf(tenant, mailbox));
  }
  const bool was_none = status.code() == Code::kBusy || status.code() == Code::kCancelled ||
                        status.code() == Code::kResourceExhausted;
  if (status.ok() || was_none) {
    failed_logins_.GiveBack(tenant);
  }
}

net::Task<LoginTestResult> StoredMailboxAdmin::LogIn(std::string tenant,
                                                     const config::MailboxConfig* mailbox) {
  LoginTest test;
  test.name = tenant + "/" + mailbox->id;
  test.tenant = parts_.context.store.FindTenant(tenant).value_or(TenantId());
  test.mailbox = std::make_shared<const config::MailboxConfig>(*mailbox);
  net::OneShot<LoginTestResult> result;
  auto* const target = &result;
  std::function<void(LoginTestResult)> on_done = [target](LoginTestResult told) {
    target->Set(std::move(told));
  };
  parts_.collector.TestLogin(std::move(test), std::move(on_done));
  co_return co_await result.Wait();
}

net::Task<Status> StoredMailboxAdmin::Keep(const http::MailboxRequest* request,
                                           const config::MailboxConfig* mailbox,
                                           Secret refresh_token) {
  std::vector<store::NamedSecret> rows;
  rows.push_back({.name = NameOfAdded(request->tenant, mailbox->id),
                  .secret = Secret(config::EncodeAdded(request->body, *mailbox))});
  if (!refresh_token.empty() && mailbox->source.oauth2) {
    rows.push_back(
        {.name = std::string(store::kSourceTokenPrefix) + request->tenant + "/" + mailbox->id,
         .secret = KeptToken(mailbox->source.oauth2->refresh_token, refresh_token)});
  }
  const auto shared = std::make_shared<const std::vector<store::NamedSecret>>(std::move(rows));
  const std::function<Status()> save = [this, shared] {
    return store::SaveSecrets(parts_.records, *parts_.secrets, *shared, parts_.random);
  };
  const Status saved = co_await OnCommitter(save);
  if (!saved.ok()) {
    co_return saved;
  }
  AddedMailboxes::OfTenant& of_tenant = added_.by_tenant[request->tenant];
  std::optional<config::MailboxConfig> before;
  if (const auto found = of_tenant.find(mailbox->id); found != of_tenant.end()) {
    before = found->second;
  }
  of_tenant.insert_or_assign(mailbox->id, *mailbox);
  const Status applied = co_await PutInForce(request->tenant);
  if (applied.ok() || stopping_ || before.has_value()) {
    const Status told = co_await Tell(request->tenant, mailbox->id);
    if (!told.ok()) {
      LogWarning("the change log does not tell of " + request->tenant + "/" + mailbox->id + ": " +
                 told.ToString());
    }
    co_return applied;  // What was replaced is stored, and in force with the next change or start.
  }
  added_.by_tenant[request->tenant].erase(mailbox->id);
  const std::function<Status()> forget = [this, shared]() -> Status {
    for (const store::NamedSecret& row : *shared) {
      MH_RETURN_IF_ERROR(store::DeleteSecret(parts_.records, row.name));
    }
    return Status::Ok();
  };
  const Status forgotten = co_await OnCommitter(forget);
  if (!forgotten.ok()) {
    LogWarning("mailbox " + request->tenant + "/" + mailbox->id +
               " could not be added, but will be there at the next start: " + forgotten.ToString());
  }
  co_return applied;
}

net::Task<Status> StoredMailboxAdmin::PutInForce(std::string tenant) {
  net::OneShot<Status> result;
  auto* const target = &result;
  std::function<void(Status)> on_done = [target](Status status) { target->Set(std::move(status)); };
  parts_.reloader.ApplyOverlay(tenant, std::move(on_done));
  co_return co_await result.Wait();
}

net::Task<Status> StoredMailboxAdmin::Tell(std::string tenant, std::string id) {
  store::MailStore* const mail = &parts_.context.store;
  const std::function<Status()> tell = [mail, tenant, id]() -> Status {
    const std::optional<TenantId> of = mail->FindTenant(tenant);
    const std::optional<MailboxId> mailbox = of ? mail->FindMailbox(*of, id) : std::nullopt;
    return mailbox ? mail->NoteMailboxUpdated(*mailbox) : Status::Ok();
  };
  co_return co_await OnCommitter(tell);
}

net::Task<Status> StoredMailboxAdmin::OnCommitter(std::function<Status()> work) {
  co_return co_await pipeline::RunOn<Status>(parts_.context.committer, std::move(work));
}

net::Task<MailboxOutcome> StoredMailboxAdmin::Remove(std::string tenant, std::string name) {
  const std::shared_ptr<const config::TenantConfig> configured = parts_.configured.Find(tenant);
  const config::MailboxConfig* const known =
      configured == nullptr ? nullptr : FindIn(*configured, name);
  const Name key(tenant, name);
  if (stopping_) {
    co_return Failed(Status(Code::kCancelled, "stopping"));
  }
  if (busy_.contains(key)) {
    co_return Later(409, "mailbox_busy", "this mailbox is being added or removed right now",
                    std::chrono::seconds(1));
  }
  if (configured == nullptr || (known == nullptr && !removing_.contains(key))) {
    co_return Problem(404, "not_found", "");
  }
  if (known != nullptr && !known->added) {
    co_return Problem(
        409, "mailbox_configured",
        "this mailbox stands in the tenant's file: it goes when it is taken out there");
  }
  ++calls_;
  busy_.emplace(key, known == nullptr ? "" : known->address);
  MailboxOutcome outcome = co_await RemoveKnown(key);
  --calls_;
  CheckStopped();
  co_return outcome;
}

net::Task<MailboxOutcome> StoredMailboxAdmin::RemoveKnown(Name key) {
  const std::string row = NameOfAdded(key.first, key.second);
  const std::function<Status()> mark = [this, row] {
    return store::SaveSecret(parts_.records, *parts_.secrets, row, RemovedMark(), parts_.random);
  };
  const Status marked = co_await OnCommitter(mark);
  if (!marked.ok()) {
    if (marked.code() != Code::kBusy && marked.code() != Code::kDiskFull) {
      removing_.insert(key);  // The mark may be there all the same.
    }
    busy_.erase(key);
    co_return Failed(marked);
  }
  removing_.insert(key);
  added_.by_tenant[key.first].erase(key.second);
  const auto ended = std::make_shared<std::optional<Status>>();
  ++calls_;
  tasks_.Spawn(EndRemoval(key, ended));
  const TimePoint until = parts_.context.clock.Now() + kRemovalAnswerMax;
  while (!ended->has_value() && !stopping_ && parts_.context.clock.Now() < until) {
    co_await net::SleepUntil(parts_.context.clock.Now() + kLookAgain);
  }
  if (!ended->has_value()) {
    co_return Failed(stopping_ ? Status(Code::kCancelled, "stopping")
                               : Status(Code::kBusy, "the removal goes on"));
  }
  co_return (*ended)->ok() ? MailboxOutcome{.status = 204, .name = ""} : Failed(**ended);
}

bool StoredMailboxAdmin::IsConfigured(const Name& name) const {
  const std::shared_ptr<const config::TenantConfig> tenant = parts_.configured.Find(name.first);
  const config::MailboxConfig* const found =
      tenant == nullptr ? nullptr : FindIn(*tenant, name.second);
  return found != nullptr && !found->added;
}

// What is left of it when the process ends is done by the next one.
net::Task<void> StoredMailboxAdmin::EndRemoval(Name name,
                                               std::shared_ptr<std::optional<Status>> ended) {
  const std::string tenant = name.first;
  const std::string id = name.second;
  const std::string full_name = tenant + "/" + id;
  Status status = co_await PutInForce(tenant);
  if (status.code() == Code::kNotFound) {
    status = Status::Ok();  // Its tenant has gone, and it with that.
  }
  const std::optional<std::string> collected(id);
  while (status.ok() && !stopping_ && !IsConfigured(name) &&
         parts_.collector.IsCollected(tenant, collected)) {
    co_await net::SleepUntil(parts_.context.clock.Now() + kLookAgain);
  }
  const bool is_done = status.ok() && !stopping_;
  if (is_done) {
    store::MailStore* const mail = &parts_.context.store;
    store::KeyValueStore* const records = &parts_.records;
    const std::string row = NameOfAdded(tenant, id);
    const bool stays = IsConfigured(name);  // By a file that has come meanwhile.
    const std::function<Status()> remove = [mail, records, row, stays, of = tenant, one = id] {
      const std::optional<TenantId> owner = mail->FindTenant(of);
      const std::optional<MailboxId> mailbox =
          owner ? mail->FindMailbox(*owner, one) : std::nullopt;
      return mailbox && !stays ? mail->RemoveMailbox(*mailbox) : store::DeleteSecret(*records, row);
    };
    status = co_await OnCommitter(remove);
  }
  if (status.ok() && is_done) {
    removing_.erase(name);
    LogInfo("mailbox " + full_name + " was removed over HTTP");
    if (parts_.removed) {
      parts_.removed();
    }
  } else if (status.ok()) {
    status = Status(Code::kCancelled, "stopping");
  } else {
    LogWarning("mailbox " + full_name +
               " is removed over HTTP, but its data is deleted only by another DELETE or by the "
               "next start: " +
               status.ToString());
  }
  *ended = status;
  busy_.erase(name);
  --calls_;
  CheckStopped();
}

}  // namespace mailhaul::app
