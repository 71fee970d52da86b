// A sender over scripted servers and a store in memory, in virtual time, whose process can die at
// any step and start again.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/memory_budget.h"
#include "base/random.h"
#include "base/work_pool.h"
#include "connectors/net/virtual_loop.h"
#include "engine/pipeline/committer.h"
#include "engine/send/sender.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"
#include "store/outbox.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_mail_server.h"
#include "tests/support/scripted_smtp_server.h"

namespace mailhaul::send {

class SendWorld final {
 public:
  explicit SendWorld(uint64_t seed = 1, Duration latency = std::chrono::milliseconds(10));
  ~SendWorld();
  SendWorld(const SendWorld&) = delete;
  SendWorld& operator=(const SendWorld&) = delete;

  void Start();
  // The process ends in order, or dies where it stands.
  void Stop();
  void Crash();

  store::NewSubmission RequestOf(const std::string& subject,
                                 std::vector<std::string> recipients = {"bob@else.example"}) const;
  // As Accept(), without waiting.
  void AcceptLater(const store::NewSubmission& request);
  // The one submission there is, if there is one.
  std::optional<store::Submission> FindOnly() const;
  // As HTTP does: durable, then the sender is told. Absent: the process died before it knew.
  std::optional<SubmissionId> Accept(const store::NewSubmission& request);
  SubmissionId Submit(const std::string& subject,
                      std::vector<std::string> recipients = {"bob@else.example"});
  store::Submission Change(SubmissionId id,
                           const std::function<Status(store::Submission&)>& change);
  store::Submission Get(SubmissionId id) const;
  std::vector<store::StoredMessage> Messages() const;
  bool RunUntil(const std::function<bool()>& done, Duration limit = std::chrono::hours(24 * 10));
  void RunFor(Duration time);
  bool RunUntilState(SubmissionId id, store::SubmissionState state);
  size_t CopiesInSent();

  net::VirtualClock clock{WallTime(std::chrono::seconds(1'790'000'000))};
  net::VirtualLoop loop{clock};
  SeededRandom random;
  test_support::ScriptedSmtpServer smtp;
  test_support::ScriptedMailServer imap;
  SendingMailbox mailbox;
  bool smtp_down = false;
  bool chunking = false;
  uint64_t submission_leases = 0;
  store::MemoryKeyValueStore records;

 private:
  struct Process;

  const Duration latency_;
  store::MemoryFileSystem files_;
  TenantId tenant_;
  std::unique_ptr<Process> process_;
};

}  // namespace mailhaul::send
