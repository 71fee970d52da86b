// The collector over scripted servers and a store in memory, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/memory_budget.h"
#include "base/random.h"
#include "base/work_pool.h"
#include "connectors/dialer.h"
#include "connectors/net/virtual_loop.h"
#include "engine/app/collector.h"
#include "engine/config/config.h"
#include "engine/pipeline/committer.h"
#include "store/mail_store.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_mail_server.h"
#include "tests/support/scripted_pop3_server.h"
#include "tests/support/scripted_smtp_server.h"

namespace mailhaul::app {

class EngineFixture : public testing::Test {
 protected:
  // `latency` of the network, for tests in which sessions are to take time.
  explicit EngineFixture(Duration latency = Duration(0));
  ~EngineFixture() override;

  // Before Start(): a mailbox "acme/<id>" on the one server.
  void AddMailbox(const std::string& id);
  void AddPop3Mailbox(const std::string& id);
  void AddSubmission(const std::string& id);  // To the mailbox, on smtp_.
  void AddMessage(const std::string& id, const std::string& subject);
  // As `serve` does, or as `collect` does. Again after Stop(): a restart.
  void Start(bool continuous = true);
  void Stop();
  bool after_unclean_end_ = false;  // Of the next Start().
  bool over() const { return over_; }
  // Lets virtual time pass until `done`, at most `limit`; whether it came.
  bool RunUntil(const std::function<bool()>& done, Duration limit);
  void RunFor(Duration time);
  // For what runs beside the collector; after Start().
  pipeline::Context& context() { return *context_; }
  uint64_t Messages(const std::string& id);
  // After Start(): the server refuses connections from this egress address, or no longer.
  void SetRefused(const std::string& egress, bool refused);
  uint64_t ConnectionsFrom(const std::string& egress) const;  // Since Start().

  net::VirtualClock clock_{WallTime(std::chrono::seconds(1'790'000'000))};
  net::VirtualLoop loop_{clock_};
  SeededRandom random_{1};
  test_support::ScriptedMailServer server_;
  test_support::Pop3Script pop3_;  // Its other face.
  test_support::ScriptedSmtpServer smtp_;
  HttpClient* http_ = nullptr;  // Of the workers; for token servers.
  config::Config config_;
  std::function<void()> on_prepared_;  // By Start(), before the collector runs.
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<store::MailStore> mail_;
  store::MemoryKeyValueStore records_;
  store::MemoryFileSystem files_;  // Of the bodies; its free space is the disk's.

 private:
  void Connect();

  const Duration latency_;
  std::unique_ptr<test_support::MemoryNetwork> network_;  // Of one run, like the dialer.
  std::unique_ptr<Dialer> dialer_;
  MemoryBudget budget_{size_t{64} << 20};
  InlineWorkPool cpu_;
  pipeline::Progress progress_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<pipeline::LoopCommitter> committer_;
  std::unique_ptr<pipeline::Context> context_;
  bool over_ = false;
};

}  // namespace mailhaul::app
