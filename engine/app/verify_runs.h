// `verify --online` beside a running server: the server's side. Main loop only.
//
// Looks into mailboxes at the beginning of their checks (collector_inspections.cc), a few at a
// time, so that of very many mailboxes those that nobody verifies yet are not hurried.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "engine/app/collector.h"
#include "engine/app/ledger_inspector.h"
#include "engine/app/verify_answer.h"

namespace mailhaul::app {

inline constexpr size_t kVerifiedAtOnce = 64;
// Found and not asked for yet; then nothing more is begun.
inline constexpr size_t kFindingsKeptMax = 128;
// How long a mailbox waits for a check that looks at it: a server may allow a login every ten
// minutes only.
inline constexpr Duration kVerifyWaitMax = std::chrono::minutes(20);
// One whose checks fail is waited for if it is tried again so soon.
inline constexpr Duration kVerifyRetryMax = std::chrono::minutes(1);
// A run that was not asked for so long is forgotten.
inline constexpr Duration kVerifyAskedEvery = std::chrono::minutes(1);

class VerifyRuns final {
 public:
  // All of it outlives the collector's run. Before its Start().
  VerifyRuns(Collector& collector, pipeline::Context& context, net::Loop& main);

  // None: not such a question.
  std::optional<std::string> Answer(std::string_view question);

 private:
  struct Wait {
    MailboxId mailbox{};    // Another one by now: it was removed and added again.
    TimePoint until{};      // At most.
    uint32_t attempts = 0;  // That had failed when it began.
  };
  struct Run {
    std::string id;
    std::deque<std::string> to_come;  // Names.
    std::map<std::string, Wait> under_way;
    std::vector<MailboxFinding> found;
    uint64_t mailboxes = 0;
    uint64_t told = 0;
    TimePoint asked_at{};
  };

  VerifyAnswer Begin(std::string_view mailbox);
  VerifyAnswer Next(std::string_view id);
  void End();
  void OnFound(MailboxFinding finding);
  void Await(const MailboxState& mailbox, Wait& wait);
  static bool IsHeldUp(const scheduler::Explanation& why, TimePoint now);
  // Begins what may be begun.
  void Fill();
  // What will not come, or not in time.
  void GiveUpLate();
  // Success: it may still come.
  Status WhyNot(const MailboxState* mailbox, const Wait& wait) const;
  const MailboxState* Find(std::string_view name) const;
  bool IsAbandoned() const;

  Collector& collector_;
  const Clock& clock_;
  LedgerInspector inspector_;
  std::optional<Run> run_;
};

}  // namespace mailhaul::app
