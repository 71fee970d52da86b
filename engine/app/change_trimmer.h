// Drops old entries of the change log in the background: a round over all shards every now and
// then, one bounded batch after the other on the committer's thread, so that mail goes first.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "connectors/net/loop.h"
#include "engine/pipeline/committer.h"
#include "store/mail_store.h"

namespace mailhaul::app {

inline constexpr Duration kTrimRoundTime = std::chrono::minutes(10);

// On one loop; shared with what is under way on the committer's thread. Everything it is made of
// outlives the committer's last operation, but the loop only the time until Close().
class ChangeTrimmer final : public std::enable_shared_from_this<ChangeTrimmer> {
 public:
  // Entries older than `keep` go. `read_to`: see store::ChangeTrim; any thread, until Close().
  ChangeTrimmer(net::Loop& loop, pipeline::Committer& committer, store::MailStore& store,
                const Clock& clock, std::chrono::milliseconds keep,
                std::function<std::optional<uint64_t>(TenantId, ShardId)> read_to);

  // Begins the first round, and after each the next one kTrimRoundTime later.
  void Start();
  // On the loop, or when it has ended. What is under way on the committer's thread ends there.
  void Close();

 private:
  void BeginRound();
  void SubmitStep();
  void Step(ShardId shard);  // Committer's thread.
  void StepEnded(const Result<bool>& more);

  net::Loop& loop_;
  pipeline::Committer& committer_;
  store::MailStore& store_;
  const Clock& clock_;
  const std::chrono::milliseconds keep_;
  std::mutex mutex_;
  bool closed_ = false;  // Guarded by mutex_; written on the loop.
  std::function<std::optional<uint64_t>(TenantId, ShardId)> read_to_;  // Guarded by mutex_.
  // The loop's only.
  std::vector<ShardId> shards_;  // Still to be done in this round.
  net::Loop::TimerId timer_ = 0;
};

}  // namespace mailhaul::app
