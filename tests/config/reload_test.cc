// Reading real files again: what changes, what stays, and that no bad file harms what is in force.
#include "engine/config/reload.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace mailhaul::config {
namespace {

const char* Nothing(const char* /*name*/) { return nullptr; }

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() : folder_(testing::TempDir() + "mailhaul_reload_XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    Write("main.yaml", "data_dir: d\ntenants: [tenants/*.yaml]\n");
    WriteTenant("a", "one");
    WriteTenant("b", "one");
  }
  ~ReloadTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
    chmod(Path(name).c_str(), S_IRUSR | S_IWUSR);
  }
  void WriteTenant(const std::string& name, const std::string& password,
                   const std::string& more = "") const {
    Write("tenants/" + name + ".yaml", "tenant: " + name + "\n" + more +
                                           "mailboxes:\n  - {id: x, address: x@y, source: {host: "
                                           "h, password: " +
                                           password + "}}\n");
  }
  void Remove(const std::string& name) const { std::filesystem::remove(Path(name)); }

  void Load() {
    Loaded loaded = LoadConfig(Path("main.yaml"), &Nothing);
    ASSERT_TRUE(loaded.config);
    config_ = *std::move(loaded.config);
    for (const TenantConfig& tenant : config_.tenants) {
      in_force_.emplace(tenant.name, std::make_shared<const TenantConfig>(tenant));
    }
  }
  Reloaded Again() { return ReloadConfig(config_, in_force_, &Nothing); }

  // Errors alone, without the path of the test's folder.
  std::string Shown(const Reloaded& reloaded) const {
    std::string shown;
    for (const Problem& problem : reloaded.problems) {
      if (!problem.warning) {
        std::string line = problem.ToString();
        for (size_t at = line.find(folder_); at != std::string::npos; at = line.find(folder_)) {
          line.erase(at, folder_.size() + 1);
        }
        shown += line + "\n";
      }
    }
    return shown;
  }

  Config config_;
  TenantsInForce in_force_;

 private:
  std::string folder_;
};

TEST_F(ReloadTest, WhatSaysTheSameStaysTheSameObject) {
  Load();
  WriteTenant("a", "one");  // Written again, with the same text.
  const Reloaded reloaded = Again();
  EXPECT_TRUE(reloaded.usable);
  EXPECT_EQ(reloaded.tenants, in_force_);
  EXPECT_TRUE(reloaded.needs_restart.empty());
}

TEST_F(ReloadTest, OneTenantChangesAndTheOthersDoNot) {
  Load();
  WriteTenant("a", "two");
  const Reloaded reloaded = Again();
  EXPECT_EQ(Shown(reloaded), "");
  EXPECT_EQ(reloaded.tenants.at("b"), in_force_.at("b"));
  ASSERT_NE(reloaded.tenants.at("a"), in_force_.at("a"));
  EXPECT_NE(reloaded.tenants.at("a")->mailboxes[0].fingerprint,
            in_force_.at("a")->mailboxes[0].fingerprint);
}

TEST_F(ReloadTest, SettingsOfATenantLeaveItsMailboxesAlone) {
  Load();
  WriteTenant("a", "one", "weight: 3\nfreshness: {normal: 1m}\n");
  const Reloaded reloaded = Again();
  const TenantConfig& now = *reloaded.tenants.at("a");
  EXPECT_EQ(now.weight, 3U);
  EXPECT_NE(now.fingerprint, in_force_.at("a")->fingerprint);
  EXPECT_EQ(now.mailboxes[0].fingerprint, in_force_.at("a")->mailboxes[0].fingerprint);
}

TEST_F(ReloadTest, EverySettingOfATenantCounts) {
  Load();
  std::set<std::string> seen = {in_force_.at("a")->fingerprint};
  for (const char* more : {"quota: {bytes: 1GiB}\n", "quota: {bytes: 2GiB}\n", "retention: 30d\n",
                           "webhooks: [{url: 'https://a.example/', secret: 0123456789abcdef}]\n",
                           "webhooks: [{url: 'https://a.example/', secret: 0123456789abcdeX}]\n",
                           "webhooks: [{url: 'https://a.example/', secret: 0123456789abcdef, "
                           "events: [message.created]}]\n",
                           "send: {per_tenant_per_minute: 3}\n", "collect: {window: 1d}\n",
                           "collect: {deletions: mirror}\n", "freshness: {dormant: 2h}\n"}) {
    WriteTenant("a", "one", more);
    const Reloaded reloaded = Again();
    EXPECT_EQ(Shown(reloaded), "");
    EXPECT_TRUE(seen.insert(reloaded.tenants.at("a")->fingerprint).second) << more;
  }
}

TEST_F(ReloadTest, TenantsComeAndGoWithTheirFiles) {
  Load();
  Remove("tenants/a.yaml");
  WriteTenant("c", "one");
  const Reloaded reloaded = Again();
  EXPECT_EQ(Shown(reloaded), "");
  EXPECT_EQ(reloaded.tenants.size(), 2U);
  EXPECT_FALSE(reloaded.tenants.contains("a"));
  EXPECT_TRUE(reloaded.tenants.contains("c"));
}

// Modes count for root too while this lives: the capabilities that override them are not in effect.
class WithoutOverride final {
 public:
  WithoutOverride() {
    EXPECT_EQ(syscall(SYS_capget, &header_, before_), 0);
    __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {before_[0], before_[1]};
    now[0].effective &= ~((1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH));
    EXPECT_EQ(syscall(SYS_capset, &header_, now), 0);
  }
  ~WithoutOverride() { EXPECT_EQ(syscall(SYS_capset, &header_, before_), 0); }
  WithoutOverride(const WithoutOverride&) = delete;
  WithoutOverride& operator=(const WithoutOverride&) = delete;

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct before_[_LINUX_CAPABILITY_U32S_3]{};
};

TEST_F(ReloadTest, AFolderThatCannotBeReadLeavesItsTenantsAsTheyWere) {
  Write("main.yaml", "data_dir: d\ntenants: [tenants/*.yaml, more/*/*.yaml]\n");
  Write("more/c/c.yaml", "tenant: c\nmailboxes: []\n");
  Write("more/d/d.yaml", "tenant: d\nmailboxes: []\n");
  Load();
  ASSERT_EQ(in_force_.size(), 4U);
  std::filesystem::permissions(Path("more/c"), std::filesystem::perms::none);
  Remove("more/d/d.yaml");
  Write("more/e/e.yaml", "tenant: e\nmailboxes: []\n");
  Reloaded reloaded;
  {
    const WithoutOverride modes_count;
    reloaded = Again();
  }
  std::filesystem::permissions(Path("more/c"), std::filesystem::perms::owner_all);
  EXPECT_EQ(Shown(reloaded), "");
  EXPECT_EQ(reloaded.refused, std::vector<std::string>{Path("more/c/")});
  EXPECT_EQ(reloaded.tenants.at("c"), in_force_.at("c"));
  EXPECT_FALSE(reloaded.tenants.contains("d"));
  EXPECT_TRUE(reloaded.tenants.contains("e"));
  bool told = false;
  for (const Problem& problem : reloaded.problems) {
    told = told ||
           problem.ToString().find("more/c are left out, it cannot be read: ") != std::string::npos;
  }
  EXPECT_TRUE(told);
}

TEST_F(ReloadTest, ABadFileLeavesItsTenantAsItWas) {
  Load();
  Write("tenants/a.yaml", "tenant: a\nmailboxes: [{id: x, addr");
  WriteTenant("b", "two");
  const Reloaded reloaded = Again();
  EXPECT_NE(Shown(reloaded).find("tenants/a.yaml:"), std::string::npos);
  EXPECT_EQ(reloaded.refused, std::vector<std::string>{Path("tenants/a.yaml")});
  EXPECT_EQ(reloaded.tenants.at("a"), in_force_.at("a"));
  EXPECT_NE(reloaded.tenants.at("b"), in_force_.at("b")) << "the others go on";
}

TEST_F(ReloadTest, ABadTableLeavesItsTenantAsItWas) {
  Write("tenants/a.yaml", "tenant: a\nmailboxes_csv: a.csv\n");
  Write("tenants/a.csv", "id,address,password\nx,x@y,p\n");
  Load();
  Write("tenants/a.csv", "id,address,password\nx,x@y\n");
  Reloaded reloaded = Again();
  EXPECT_EQ(Shown(reloaded), "tenants/a.csv:2:1: the row has 2 values for 3 columns\n");
  EXPECT_EQ(reloaded.tenants.at("a"), in_force_.at("a"));
  Remove("tenants/a.csv");
  EXPECT_EQ(Again().tenants.at("a"), in_force_.at("a"));
  Write("tenants/a.csv", "id,address,password\nx,x@y,p\nz,z@y,p\n");
  reloaded = Again();
  EXPECT_EQ(Shown(reloaded), "");
  EXPECT_EQ(reloaded.tenants.at("a")->mailboxes.size(), 2U);
}

TEST_F(ReloadTest, ANewFileTakesNoNameAndNoTokenFromATenantInForce) {
  const std::string token = "tokens: [{sha256: \"" + std::string(64, 'a') + "\"}]\n";
  WriteTenant("b", "one", token);
  Load();
  Write("tenants/0.yaml", "tenant: b\n");
  Write("tenants/1.yaml", "tenant: thief\n" + token);
  Reloaded reloaded = Again();
  EXPECT_EQ(Shown(reloaded),
            "tenants/0.yaml:1:9: the tenant 'b' is already defined in tenants/b.yaml\n"
            "tenants/1.yaml:2:10: the token also belongs to the tenant 'b'\n");
  EXPECT_EQ(reloaded.tenants, in_force_);
  // Nor while that tenant's own file is bad.
  Write("tenants/b.yaml", "tenant: [\n");
  reloaded = Again();
  EXPECT_EQ(reloaded.tenants, in_force_);
  EXPECT_EQ(reloaded.refused.size(), 3U);
}

TEST_F(ReloadTest, AMainFileThatCannotBeUsedChangesNothing) {
  Load();
  WriteTenant("a", "two");
  Write("main.yaml", "data_dir: d\ntenants: [tenants/*.yaml]\nunknown: 1\n");
  Reloaded reloaded = Again();
  EXPECT_FALSE(reloaded.usable);
  EXPECT_EQ(reloaded.tenants, in_force_);
  Remove("main.yaml");
  EXPECT_FALSE(Again().usable);
}

TEST_F(ReloadTest, AFolderThatIsEmptyAllAtOnceCountsAsAMistake) {
  Load();
  Remove("tenants/a.yaml");
  Remove("tenants/b.yaml");
  const Reloaded reloaded = Again();
  EXPECT_FALSE(reloaded.usable);
  EXPECT_EQ(reloaded.tenants, in_force_);
}

TEST_F(ReloadTest, KeysOfTheMainFileThatNeedARestartAreNamed) {
  Load();
  Write("main.yaml",
        "data_dir: d\ntenants: [tenants/*.yaml]\nthreads: 3\n"
        "hosts: {h: {connections: 2}}\nnetwork: {allow_private: true}\nproviders: [p]\n"
        "change_log: {keep: all}\n");
  Write("p/one.yaml", "name: one\n");
  const Reloaded reloaded = Again();
  EXPECT_EQ(Shown(reloaded), "");
  EXPECT_EQ(reloaded.needs_restart,
            (std::vector<std::string>{"threads", "hosts", "network", "change_log", "providers"}));
  EXPECT_EQ(reloaded.tenants, in_force_);
}

TEST_F(ReloadTest, EveryKeyOfHttpNeedsARestart) {
  const std::string head = "data_dir: d\ntenants: [tenants/*.yaml]\n";
  Write("main.yaml", head + "http: {}\n");
  Load();
  EXPECT_TRUE(Again().needs_restart.empty());
  for (const char* http :
       {"{listen: 127.0.0.1:1}", "{per_token_per_second: 7}", "{access_log: true}"}) {
    Write("main.yaml", head + "http: " + http + "\n");
    EXPECT_EQ(Again().needs_restart, std::vector<std::string>{"http"}) << http;
  }
}

TEST_F(ReloadTest, WhatWasDiscoveredIsKeptWhileTheFilesSayTheSame) {
  const auto write = [this](const std::string& password) {
    Write("tenants/a.yaml",
          "tenant: a\nmailboxes:\n"
          "  - {id: x, address: x@nowhere.example, source: {password: one}}\n"
          "  - {id: z, address: z@nowhere.example, source: {password: " +
              password + "}}\n");
  };
  write("one");
  Load();
  auto found = std::make_shared<TenantConfig>(*in_force_.at("a"));
  for (MailboxConfig& mailbox : found->mailboxes) {
    mailbox.source.host = mailbox.pool = "imap.nowhere.example";
    mailbox.source.port = 993;
  }
  in_force_["a"] = found;
  EXPECT_EQ(Again().tenants, in_force_);
  write("two");
  const Reloaded reloaded = Again();
  EXPECT_EQ(reloaded.tenants.at("a")->mailboxes[0].source.host, "imap.nowhere.example");
  EXPECT_EQ(reloaded.tenants.at("a")->mailboxes[1].source.host, "") << "to be searched again";
}

TEST_F(ReloadTest, TheStampTellsOfWhatIsWrittenAddedOrRemoved) {
  Write("tenants/a.yaml", "tenant: a\nmailboxes_csv: a.csv\n");
  Write("tenants/a.csv", "id,address,password\nx,x@y,p\n");
  Load();
  std::string last = StampOfFiles(config_.watched);
  EXPECT_EQ(StampOfFiles(config_.watched), last);
  const auto changed = [this, &last] {
    const std::string now = StampOfFiles(config_.watched);
    const bool differs = now != last;
    last = now;
    return differs;
  };
  Write("tenants/a.csv", "id,address,password\nx,x@y,other\n");
  EXPECT_TRUE(changed()) << "a table";
  WriteTenant("b", "other");
  EXPECT_TRUE(changed()) << "a tenant file";
  WriteTenant("c", "one");
  EXPECT_TRUE(changed()) << "a new file";
  Remove("tenants/c.yaml");
  EXPECT_TRUE(changed()) << "a removed file";
  Write("main.yaml", "data_dir: d\ntenants: [tenants/*.yaml]\n\n");
  EXPECT_TRUE(changed()) << "the main file";
  Write("tenants/b.new", "tenant: b\n");
  EXPECT_FALSE(changed()) << "a file that no pattern names";
  std::filesystem::rename(Path("tenants/b.new"), Path("tenants/b.yaml"));
  EXPECT_TRUE(changed()) << "a file that takes the place of another";
}

}  // namespace
}  // namespace mailhaul::config
