// The reloader over a collector in virtual time, with a configuration in memory.
#include "engine/app/reloader.h"

#include "engine/config/fingerprint.h"
#include "tests/app/engine_fixture.h"

namespace mailhaul::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(SettledChangeTest, WhatLooksTheSameTwiceIsTakenOnce) {
  SettledChange change;
  change.Take("a");
  EXPECT_FALSE(change.Look("a"));
  EXPECT_FALSE(change.Look("b"));
  EXPECT_TRUE(change.Look("b"));
  EXPECT_FALSE(change.Look("b"));
}

TEST(SettledChangeTest, WhatKeepsChangingIsLeftToItsWriter) {
  SettledChange change;
  change.Take("a");
  EXPECT_FALSE(change.Look("b"));
  EXPECT_FALSE(change.Look("c"));
  EXPECT_FALSE(change.Look("d"));
  EXPECT_TRUE(change.Look("d"));
}

TEST(SettledChangeTest, AChangeThatIsTakenBackIsNone) {
  SettledChange change;
  change.Take("a");
  EXPECT_FALSE(change.Look("b"));
  EXPECT_FALSE(change.Look("a"));
  EXPECT_FALSE(change.Look("b"));
}

class ReloaderTest : public EngineFixture, public TenantFollower {
 protected:
  ReloaderTest() {
    on_prepared_ = [this] {
      configured_ = std::make_unique<ConfiguredTenants>(config_);
      reloader_ = std::make_unique<Reloader>(
          config_,
          Reloader::Source{.read = [this](const config::TenantsInForce&) { return Read(); },
                           .stamp = [this](const config::WatchedFiles&) { return stamp_; }},
          nullptr, *collector_, *configured_, *this, context(), loop_, config_files_);
      loop_.Post([this] { reloader_->Start(); });
    };
  }
  ~ReloaderTest() override {
    bool stopped = false;
    loop_.Post([this, &stopped] { reloader_->Stop([&stopped] { stopped = true; }); });
    EXPECT_TRUE(loop_.RunUntil([&] { return stopped; }));
    Stop();
  }

  void StartSealed() {
    config::SetFingerprints(config_.tenants.front());
    Start();
    next_ = reloader_->tenants();
    RunFor(seconds(10));
    reads_ = 0;
  }

  config::Reloaded Read() {
    ++reads_;
    config::Reloaded reloaded;
    reloaded.usable = usable_;
    reloaded.tenants = next_;
    reloaded.refused = refused_;
    reloaded.problems = problems_;
    return reloaded;
  }

  void TenantEnds(const std::string& name, bool for_good) override {
    story_ += (for_good ? "--" : "-") + name + " ";
  }
  void TenantIs(TenantId /*id*/, std::shared_ptr<const config::TenantConfig> tenant) override {
    EXPECT_TRUE(mail_->FindTenant(tenant->name).has_value()) << "stored before it is told of";
    for (const config::MailboxConfig& mailbox : tenant->mailboxes) {
      EXPECT_TRUE(mail_->FindMailbox(*mail_->FindTenant(tenant->name), mailbox.id).has_value());
    }
    story_ += "+" + tenant->name + " ";
  }

  // Another tenant, with one mailbox.
  void AddTenant(const std::string& name) {
    auto tenant = std::make_shared<config::TenantConfig>(config_.tenants.front());
    tenant->name = name;
    tenant->mailboxes.resize(1);
    config::SetFingerprints(*tenant);
    next_[name] = std::move(tenant);
  }

  InlineWorkPool config_files_;
  std::unique_ptr<ConfiguredTenants> configured_;
  std::unique_ptr<Reloader> reloader_;
  std::string stamp_ = "0";
  config::TenantsInForce next_;
  bool usable_ = true;
  std::vector<std::string> refused_;
  std::vector<config::Problem> problems_;
  int reads_ = 0;
  std::string story_;
};

TEST_F(ReloaderTest, AChangeOfTheFilesIsTakenOnceItHasSettled) {
  AddMailbox("alice");
  StartSealed();
  AddTenant("new");
  stamp_ = "1";
  RunFor(seconds(5));
  EXPECT_EQ(story_, "-new +new ");
  EXPECT_NE(collector_->Find("new", "alice"), nullptr);
  EXPECT_EQ(reads_, 1);
  RunFor(minutes(1));
  EXPECT_EQ(reads_, 1) << "nothing has changed since";
}

TEST_F(ReloaderTest, FilesThatAreBeingWrittenAreNotRead) {
  AddMailbox("alice");
  StartSealed();
  for (int i = 1; i < 10; ++i) {
    stamp_ = std::to_string(i);
    RunFor(seconds(2));
  }
  EXPECT_EQ(reads_, 0);
  RunFor(seconds(4));
  EXPECT_EQ(reads_, 1);
}

TEST_F(ReloaderTest, ASignalReadsAtOnce) {
  AddMailbox("alice");
  StartSealed();
  next_.clear();
  loop_.Post([this] { reloader_->Reload(); });
  RunFor(std::chrono::milliseconds(100));
  EXPECT_EQ(story_, "--acme ");
  EXPECT_EQ(configured_->Find("acme"), nullptr);
  EXPECT_TRUE(collector_->mailboxes().empty());
  EXPECT_TRUE(reloader_->tenants().empty());
}

TEST_F(ReloaderTest, WhatIsRefusedIsToldAndChangesNothing) {
  AddMailbox("alice");
  StartSealed();
  refused_ = {"acme.yaml"};
  problems_.emplace_back();
  problems_.back().file = "acme.yaml";
  problems_.back().line = 3;
  problems_.back().column = 1;
  problems_.back().message = "unknown key";
  problems_.back().fatal = false;
  stamp_ = "1";
  RunFor(seconds(5));
  EXPECT_EQ(story_, "");
  EXPECT_EQ(reloader_->Json(),
            R"({"refused":[{"file":"acme.yaml","problem":"acme.yaml:3:1: unknown key"}],)"
            R"("needs_restart":[]})");
  EXPECT_NE(reloader_->Metrics().find("mailhaul_config_refused_files 1\n"), std::string::npos);
  refused_.clear();
  problems_.clear();
  stamp_ = "2";
  RunFor(seconds(5));
  EXPECT_EQ(reloader_->Json(), R"({"refused":[],"needs_restart":[]})");
  EXPECT_NE(reloader_->Metrics().find("mailhaul_config_refused_files 0\n"), std::string::npos);
}

TEST_F(ReloaderTest, AMainFileThatCannotBeUsedChangesNothing) {
  AddMailbox("alice");
  StartSealed();
  usable_ = false;
  next_.clear();
  stamp_ = "1";
  RunFor(seconds(5));
  EXPECT_EQ(reads_, 1);
  EXPECT_EQ(story_, "");
  EXPECT_NE(reloader_->Metrics().find("mailhaul_config_refused_files 1\n"), std::string::npos);
}

// Of a removal that comes between them: it finds the tenant configured.
TEST_F(ReloaderTest, WhatIsConfiguredIsKnownBeforeTheStoreKnowsOfIt) {
  AddMailbox("alice");
  StartSealed();
  AddTenant("new");
  records_.InjectFault(1, store::MemoryKeyValueStore::Fault::kDiskFull);
  loop_.Post([this] { reloader_->Reload(); });
  RunFor(seconds(1));
  EXPECT_EQ(story_, "");
  EXPECT_EQ(configured_->Find("new"), nullptr) << "it stays as it was";
  EXPECT_NE(configured_->Find("acme"), nullptr);
}

TEST_F(ReloaderTest, WhatTheStoreRefusedIsToldAndTriedAgain) {
  AddMailbox("alice");
  StartSealed();
  AddTenant("new");
  records_.InjectFault(1, store::MemoryKeyValueStore::Fault::kDiskFull);
  loop_.Post([this] { reloader_->Reload(); });
  RunFor(seconds(1));
  EXPECT_NE(reloader_->Json().find("disk_full"), std::string::npos) << reloader_->Json();
  RunFor(kApplyAgainAfter + kLookEvery);
  EXPECT_EQ(story_, "-new +new ");
  EXPECT_EQ(reloader_->Json().find("disk_full"), std::string::npos) << reloader_->Json();
}

TEST_F(ReloaderTest, SignalsWhileItReadsLeadToOneMoreReading) {
  AddMailbox("alice");
  StartSealed();
  AddTenant("new");
  loop_.Post([this] {
    for (int i = 0; i < 5; ++i) {
      reloader_->Reload();
    }
  });
  RunFor(seconds(1));
  EXPECT_EQ(reads_, 2);
  EXPECT_EQ(story_, "-new +new ");
}

}  // namespace
}  // namespace mailhaul::app
