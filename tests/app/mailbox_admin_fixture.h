// Mailboxes that are added and removed while the collector runs, in virtual time.
#pragma once

#include "engine/app/mailbox_admin.h"
#include "store/sealed_secrets.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {

using http::MailboxOutcome;
using std::chrono::minutes;
using std::chrono::seconds;

inline std::string BodyOf(const std::string& id, const std::string& password = "secret",
                          const std::string& more = "") {
  return R"({"id":")" + id + R"(","address":")" + id +
         R"(@acme.example","source":{"host":"imap.example.com","username":")" + id +
         R"(","password":")" + password + "\"" + more + "}}";
}

class MailboxAdminTest : public EngineFixture, public TenantFollower {
 protected:
  MailboxAdminTest() {
    config_.providers = std::make_shared<const config::Providers>();
    AddMailbox("alice");
    for (const char* id : {"bob", "carol"}) {
      server_.AddAccount(id, "secret");
      server_.Folder(id).uid_validity = 7;
      AddMessage(id, "one");
    }
    of_files_ = config_.tenants;
    on_prepared_ = [this] { MakeAdmin(); };
  }
  ~MailboxAdminTest() override { StopAll(); }

  // As `serve` does.
  void StartAll() {
    config_.tenants = of_files_;
    taken_ = TakeAddedMailboxes(config_, &box_, records_, *mail_).value();
    Start();
    RunFor(seconds(5));
  }
  void MakeAdmin() {
    configured_ = std::make_unique<ConfiguredTenants>(config_);
    Reloader::Source source{.read =
                                [](const config::TenantsInForce& in_force) {
                                  config::Reloaded reloaded;
                                  reloaded.usable = true;
                                  reloaded.tenants = in_force;
                                  return reloaded;
                                },
                            .stamp = [](const config::WatchedFiles&) { return "same"; }};
    reloader_ = std::make_unique<Reloader>(config_, std::move(source), nullptr, *collector_,
                                           *configured_, *this, context(), loop_, files_pool_);
    admin_ = std::make_unique<StoredMailboxAdmin>(
        StoredMailboxAdmin::Parts{.config = config_,
                                  .records = records_,
                                  .secrets = with_key_ ? &box_ : nullptr,
                                  .collector = *collector_,
                                  .configured = *configured_,
                                  .reloader = *reloader_,
                                  .context = context(),
                                  .loop = loop_,
                                  .random = random_,
                                  .removed = [this] { ++removed_; }},
        taken_, nullptr);
    reloader_->SetOverlay([this](std::shared_ptr<const config::TenantConfig> tenant) {
      config::TenantConfig extended = *tenant;
      return Extend(admin_->added(), extended)
                 ? std::make_shared<const config::TenantConfig>(std::move(extended))
                 : tenant;
    });
  }
  void StopAll() {
    if (admin_ == nullptr) {
      return;
    }
    bool admin = false;
    bool reloader = false;
    loop_.Post([&] {
      admin_->Stop([&admin] { admin = true; });
      reloader_->Stop([&reloader] { reloader = true; });
      collector_->Stop();
    });
    EXPECT_TRUE(loop_.RunUntil([&] { return admin && reloader && over() && calls_ == 0; }));
    admin_.reset();
    reloader_.reset();
  }

  void TenantEnds(const std::string& /*name*/, bool /*for_good*/) override {}
  void TenantIs(TenantId /*id*/, std::shared_ptr<const config::TenantConfig> /*tenant*/) override {}

  struct Answer {
    std::optional<MailboxOutcome> outcome;
    std::string code() const { return outcome ? outcome->code : "none"; }
    unsigned status() const { return outcome ? outcome->status : 0; }
  };
  net::Task<void> AddInto(http::MailboxRequest request, std::shared_ptr<Answer> answer) {
    MailboxOutcome outcome = co_await admin_->Add(std::move(request));
    answer->outcome = std::move(outcome);
    --calls_;
  }
  net::Task<void> RemoveInto(std::string id, std::shared_ptr<Answer> answer) {
    MailboxOutcome outcome = co_await admin_->Remove("acme", std::move(id));
    answer->outcome = std::move(outcome);
    --calls_;
  }
  std::shared_ptr<Answer> Begin(http::MailboxRequest request) {
    auto answer = std::make_shared<Answer>();
    ++calls_;
    loop_.Post([this, answer, request] { tasks_.Spawn(AddInto(request, answer)); });
    return answer;
  }
  std::shared_ptr<Answer> BeginAdd(const std::string& body) {
    return Begin({.tenant = "acme", .name = "", .body = body});
  }
  std::shared_ptr<Answer> BeginRemove(const std::string& id) {
    auto answer = std::make_shared<Answer>();
    ++calls_;
    loop_.Post([this, answer, id] { tasks_.Spawn(RemoveInto(id, answer)); });
    return answer;
  }
  Answer Await(const std::shared_ptr<Answer>& answer) {
    EXPECT_TRUE(RunUntil([&] { return answer->outcome.has_value(); }, minutes(2)));
    return *answer;
  }
  Answer Add(const std::string& body) { return Await(BeginAdd(body)); }
  Answer Remove(const std::string& id) { return Await(BeginRemove(id)); }

  size_t Rows() { return store::CountSecrets(records_, store::kAddedMailboxPrefix).value(); }
  bool IsCollected(const std::string& id) { return collector_->IsCollected("acme", id); }
  bool IsStored(const std::string& id) {
    return mail_->FindMailbox(*mail_->FindTenant("acme"), id).has_value();
  }
  bool AwaitMail(const std::string& id) {
    return RunUntil([&] { return IsStored(id) && Messages(id) == 1; }, minutes(2));
  }

  const store::SecretBox box_ =
      store::SecretBox::FromKey(Secret(std::string(store::kMasterKeyBytes, 'k'))).value();
  InlineWorkPool files_pool_;
  std::vector<config::TenantConfig> of_files_;
  AddedMailboxes taken_;
  std::unique_ptr<ConfiguredTenants> configured_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<StoredMailboxAdmin> admin_;
  net::TaskGroup tasks_;
  bool with_key_ = true;
  int removed_ = 0;
  int calls_ = 0;
};

}  // namespace mailhaul::app
