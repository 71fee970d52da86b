// A mailbox visited over scripted IMAP into a store in memory, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/memory_budget.h"
#include "base/random.h"
#include "base/work_pool.h"
#include "connectors/dialer.h"
#include "connectors/imap/imap_session.h"
#include "connectors/net/virtual_loop.h"
#include "engine/pipeline/committer.h"
#include "engine/pipeline/mailbox_visit.h"
#include "engine/pipeline/source_inspection.h"
#include "store/mail_store.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_mail_server.h"

namespace mailhaul::pipeline {

class CountingPool final : public WorkPool {
 public:
  void Submit(std::function<void()> work) override {
    ++count;
    work();
  }
  void SubmitUrgent(std::function<void()> work) override {
    ++urgent;
    work();
  }
  size_t count = 0;  // Not urgent.
  size_t urgent = 0;
};

class VisitFixture {
 public:
  // `extensions` are offered besides the scripted server's usual ones.
  explicit VisitFixture(const std::vector<std::string>& extensions);
  ~VisitFixture();

  test_support::ScriptedFolder& Folder(const std::string& name) {
    return server.Folder("alice", name);
  }
  // A message whose text and Message-ID nobody else has.
  Uid Add(const std::string& folder, const std::string& name, size_t bytes = 300);
  // As another client's MOVE.
  void Move(const std::string& from, Uid uid, const std::string& to);

  // A whole run on a new connection: check, window, backfill. With `options.quiet`, a check on
  // another one follows, from which the next can tell that nothing has happened.
  VisitResult Collect();
  // One stage on a new connection.
  VisitResult Visit(Stage stage);
  // On a new connection too, which changes nothing.
  Result<MailboxInspection> Inspect();

  // Everything listed, by the name given to Add().
  std::map<std::string, store::StoredMessage> Stored();
  std::string FolderOf(const store::StoredMessage& message);
  store::FolderRecord Record(const std::string& folder);
  std::vector<std::string> CommandsOfLastVisit() const { return server.counters.lines; }

  net::VirtualClock clock{WallTime(std::chrono::seconds(1'790'000'000))};
  net::VirtualLoop loop{clock};
  SeededRandom random{1};
  test_support::ScriptedMailServer server;
  VisitOptions options;
  QuietCheck quiet;
  CountingPool reads;  // Of the store.
  CountingPool cpu;
  bool watches = false;              // Visits end with Watch().
  Duration slice = Duration::max();  // Of every stage.
  uint64_t slice_bytes = UINT64_MAX;
  store::MemoryFileSystem files;
  std::unique_ptr<store::MailStore> mail;
  TenantId tenant;

 private:
  std::unique_ptr<SourceSession> LogIn();
  std::vector<VisitResult> RunStages(const std::vector<Stage>& stages);

  test_support::MemoryNetwork network_;
  Dialer dialer_;
  MemoryBudget budget_{size_t{64} << 20};
  Progress progress_;
  store::MemoryKeyValueStore records_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<LoopCommitter> committer_;
  std::unique_ptr<Context> context_;
};

}  // namespace mailhaul::pipeline
