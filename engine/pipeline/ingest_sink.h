// Takes the bodies of one folder from a session and sees them into the store.
//
// A message up to kStreamBytes is collected in memory, hashed and parsed on the CPU arena, and
// committed. A larger one, or one of unknown size, goes to the blob store in parts while it
// arrives, so that memory never holds it whole. The session goes on while commits are pending;
// memory credits, taken before the FETCH and given back after the commit, are what slows it down.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "connectors/connector.h"
#include "engine/pipeline/context.h"

namespace mailhaul::pipeline {

inline constexpr uint64_t kStreamBytes = uint64_t{1} << 20;  // Larger messages are streamed.

struct IngestStats {
  uint64_t fetched = 0;  // Bodies that arrived whole.
  uint64_t bytes_fetched = 0;
  uint64_t stored = 0;
  uint64_t duplicates = 0;  // Accounted for already, or re-linked to what was stored.
  uint64_t quarantined = 0;
  uint64_t bytes_stored = 0;

  void Add(const IngestStats& other);
};

// Belongs to one loop. Drain() before destroying it.
class IngestSink final : public BodySink {
 public:
  // `urgent`: these are parsed before what other sinks, which are not, have been given.
  IngestSink(Context& context, MailboxId mailbox, store::FolderId folder, uint32_t uid_validity,
             bool urgent);
  ~IngestSink() override;
  IngestSink(const IngestSink&) = delete;
  IngestSink& operator=(const IngestSink&) = delete;

  bool TryReserve(std::span<const MessageMeta> messages) override;
  net::Task<Status> Reserve(std::span<const MessageMeta> messages) override;
  net::Task<Status> BeginBody(const MessageMeta& meta, std::optional<uint64_t> size) override;
  net::Task<Status> AppendBody(std::string_view bytes) override;
  net::Task<Status> EndBody() override;
  void NoBody(const MessageMeta& meta, const Status& why) override;

  // Policy keeps this message's body out: it is listed with what its header says (empty: unknown)
  // and the reason instead.
  void LeaveOut(const MessageMeta& meta, std::string header, const Status& why) {
    SubmitQuarantined(meta, std::move(header), why);
  }
  // The bodies belong to messages that are listed without theirs.
  void CompleteListed() { completes_ = true; }
  // All that a source lists which numbers messages anew (POP3): a message that has the bytes of one
  // that is stored under a UID not among these is that one.
  void RelinkUnlisted(UidSet listed) { listed_ = std::move(listed); }
  // UIDs that the server listed but no longer has.
  void AddAbsent(const UidSet& uids) { absent_.AddAll(uids); }
  // Waits until everything given so far is durable, or has failed; the first failure.
  net::Task<Status> Drain();

  const IngestStats& stats() const { return stats_; }
  const Status& failure() const { return failure_; }  // The first one so far.
  uint64_t refused() const { return refused_; }       // Bodies, by the server.
  // Announced, of bodies that were refused or are gone.
  uint64_t withheld_bytes() const { return withheld_bytes_; }
  // Not one body came yet, so it is not known whether the trouble is the messages' or the server's.
  bool only_refused() const { return refused_ > 0 && stats_.fetched == 0; }

 private:
  struct Arriving;   // The body being received.
  struct Committed;  // What the committer reports back.

  std::unique_ptr<store::IngestBatch> MakeBatch() const;  // Any thread.
  static size_t CostOf(const MessageMeta& meta);
  void NoteReserved(std::span<const MessageMeta> messages);
  net::Task<void> FinishStreamed(std::shared_ptr<Arriving> message);
  void SubmitSmall(const std::shared_ptr<Arriving>& message);
  void SubmitStreamed(const std::shared_ptr<Arriving>& message);
  void SubmitAbsent();
  void SettleRejected();
  void SubmitQuarantined(const MessageMeta& meta, std::string header, const Status& why);
  void Commit(std::unique_ptr<store::IngestBatch> batch, size_t credits);
  void OnCommitted(Committed result);
  void TakeResults();
  void ReleaseArriving();

  Context& context_;
  net::Loop& loop_;
  const WorkLane parsing_;
  const MailboxId mailbox_;
  const store::FolderId folder_;
  const uint32_t uid_validity_;

  bool completes_ = false;
  std::optional<UidSet> listed_;
  std::unordered_map<Uid, size_t> reserved_;  // Credits taken for bodies not begun.
  std::shared_ptr<Arriving> arriving_;
  UidSet absent_;
  std::vector<std::pair<MessageMeta, Status>> rejected_;  // Not decided upon yet.
  size_t rejected_in_a_row_ = 0;
  uint64_t refused_ = 0;
  uint64_t withheld_bytes_ = 0;
  IngestStats stats_;
  Status failure_;
  uint64_t in_flight_ = 0;  // Batches submitted, results not yet taken.
  bool draining_ = false;
  // What is in flight: by Drain(). Shared with those who hand in a batch, which may be committed,
  // and this sink gone, before they look.
  const std::shared_ptr<std::atomic<bool>> awaited_ = std::make_shared<std::atomic<bool>>(false);
  net::OneShot<bool> drained_;
  net::TaskGroup finishing_;  // Streamed messages that have arrived.

  std::mutex results_mutex_;
  std::vector<Committed> results_;  // Guarded by results_mutex_.
  bool results_posted_ = false;     // Guarded by results_mutex_.
};

}  // namespace mailhaul::pipeline
