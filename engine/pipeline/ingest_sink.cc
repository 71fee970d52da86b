#include "engine/pipeline/ingest_sink.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/pipeline/content_mapper.h"
#include "engine/pipeline/message_tags.h"
#include "engine/pipeline/streamed_body.h"
#include "store/compression.h"

namespace mailhaul::pipeline {
namespace {

// What a message costs beyond its bytes: record, batch and bookkeeping.
constexpr size_t kMessageOverheadBytes = 4 * 1024;
// So many refusals with no body between them are the server's trouble, not the messages'.
constexpr size_t kRejectedInARowMax = 20;
constexpr size_t kRejectedAloneMax = 3;  // When not one body came.
constexpr size_t kStreamedCostBytes = kStreamedBodyBytes + kMessageOverheadBytes;

size_t CostOfSize(uint64_t size) {
  return size > kStreamBytes ? kStreamedCostBytes
                             : static_cast<size_t>(size) + kMessageOverheadBytes;
}

}  // namespace

struct IngestSink::Arriving {
  MessageMeta meta;
  std::optional<uint64_t> announced;
  uint64_t size = 0;  // Once all is received.
  uint64_t received = 0;
  size_t credits = 0;
  std::string body;                        // A small message: all of it. Or:
  std::shared_ptr<StreamedBody> streamed;  // a large one, or one of unknown size.
};

struct IngestSink::Committed {
  Status status;
  size_t credits = 0;
  uint64_t stored = 0;
  uint64_t duplicates = 0;
  uint64_t quarantined = 0;
  uint64_t bytes_stored = 0;
};

void IngestStats::Add(const IngestStats& other) {
  fetched += other.fetched;
  bytes_fetched += other.bytes_fetched;
  stored += other.stored;
  duplicates += other.duplicates;
  quarantined += other.quarantined;
  bytes_stored += other.bytes_stored;
}

IngestSink::IngestSink(Context& context, MailboxId mailbox, store::FolderId folder,
                       uint32_t uid_validity, bool urgent)
    : context_(context),
      loop_(*net::Loop::Current()),
      parsing_(context.cpu, urgent),
      mailbox_(mailbox),
      folder_(folder),
      uid_validity_(uid_validity) {}

IngestSink::~IngestSink() { MH_CHECK(in_flight_ == 0 && arriving_ == nullptr); }

size_t IngestSink::CostOf(const MessageMeta& meta) { return CostOfSize(meta.size); }

void IngestSink::NoteReserved(std::span<const MessageMeta> messages) {
  for (const MessageMeta& meta : messages) {
    reserved_[meta.uid] += CostOf(meta);
  }
}

bool IngestSink::TryReserve(std::span<const MessageMeta> messages) {
  size_t total = 0;
  for (const MessageMeta& meta : messages) {
    total += CostOf(meta);
  }
  if (!context_.budget.TryTake(total)) {
    return false;
  }
  NoteReserved(messages);
  return true;
}

net::Task<Status> IngestSink::Reserve(std::span<const MessageMeta> messages) {
  if (TryReserve(messages)) {
    co_return failure_;
  }
  context_.committer.Hurry();  // What is committed gives back what this waits for.
  size_t total = 0;
  for (const MessageMeta& meta : messages) {
    total += CostOf(meta);
  }
  net::OneShot<bool> granted;
  net::OneShot<bool>* target = &granted;
  net::Loop* loop = &loop_;
  context_.budget.Take(total, [loop, target] { loop->Post([target] { target->Set(true); }); });
  const bool taken = co_await granted.Wait();
  static_cast<void>(taken);
  NoteReserved(messages);
  co_return failure_;
}

net::Task<Status> IngestSink::BeginBody(const MessageMeta& meta, std::optional<uint64_t> size) {
  if (!failure_.ok()) {
    co_return failure_;
  }
  if (arriving_ != nullptr) {
    ReleaseArriving();  // Its session gave up on it in the middle.
  }
  arriving_ = std::make_shared<Arriving>();
  arriving_->meta = meta;
  arriving_->announced = size;
  const auto held = reserved_.find(meta.uid);
  if (held != reserved_.end()) {
    arriving_->credits = held->second;
    reserved_.erase(held);
  }
  const size_t needed = size.has_value() ? CostOfSize(*size) : kStreamedCostBytes;
  if (needed > arriving_->credits) {
    // The server announced less than it sends; at most one such message per session is beyond the
    // budget.
    context_.budget.ForceTake(needed - arriving_->credits);
    arriving_->credits = needed;
  }
  if (size.value_or(UINT64_MAX) > kStreamBytes) {
    arriving_->streamed = StreamedBody::Start(context_, parsing_, size);
  } else {
    arriving_->body.reserve(*size);
  }
  co_return Status::Ok();
}

net::Task<Status> IngestSink::AppendBody(std::string_view bytes) {
  MH_CHECK(arriving_ != nullptr);
  arriving_->received += bytes.size();
  MH_CHECK(arriving_->received <= arriving_->announced.value_or(UINT64_MAX));
  if (arriving_->streamed == nullptr) {
    arriving_->body.append(bytes);
    co_return Status::Ok();
  }
  const std::shared_ptr<StreamedBody> body = arriving_->streamed;
  const Status appended = co_await body->Append(bytes);
  if (!appended.ok() && failure_.ok()) {
    failure_ = appended;
  }
  co_return appended;
}

net::Task<Status> IngestSink::EndBody() {
  MH_CHECK(arriving_ != nullptr);
  MH_CHECK(arriving_->received == arriving_->announced.value_or(arriving_->received));
  const std::shared_ptr<Arriving> message = std::exchange(arriving_, nullptr);
  message->size = message->received;
  ++stats_.fetched;
  rejected_in_a_row_ = 0;
  stats_.bytes_fetched += message->size;
  context_.progress.bytes_fetched += message->size;
  ++in_flight_;
  if (message->streamed != nullptr) {
    finishing_.Spawn(FinishStreamed(message));
  } else {
    SubmitSmall(message);
  }
  co_return failure_;
}

// Beside the session, which goes on with the next message: each step may have to wait for a commit.
net::Task<void> IngestSink::FinishStreamed(std::shared_ptr<Arriving> message) {
  const Status done = co_await message->streamed->Finish();
  if (done.ok()) {
    SubmitStreamed(message);
  } else {
    OnCommitted({.status = done, .credits = message->credits});
  }
}

namespace {

store::IngestMessage ToIngestMessage(const MessageMeta& meta, uint64_t size) {
  store::IngestMessage message;
  message.uid = meta.uid;
  message.flags = meta.flags;
  message.keywords = TagsOf(meta.keywords, meta.labels);
  message.internal_date = meta.internal_date;
  message.size = size;
  return message;
}

void SetContent(store::IngestMessage& message, const MessageMeta& meta, ParsedContent content,
                WallTime now) {
  if (meta.internal_date == WallTime()) {
    message.internal_date = ArrivalOf(content, now);
  }
  message.content = std::move(content.record);
  // A server that knows threads knows them better than our reading of References.
  message.thread = meta.thread_object.empty() ? content.thread : ThreadOfObject(meta.thread_object);
  message.quarantined = content.quarantined;
}

// By the header's bytes as the server would give them alone; none when it does not end in time.
std::optional<store::MessageIdentity> IdentityOf(std::string_view front, uint64_t body_size,
                                                 uint64_t announced_size) {
  const size_t end = HeaderBytes(front);
  if (end == std::string_view::npos && front.size() < body_size) {
    return std::nullopt;
  }
  return store::ComputeIdentity(front.substr(0, end), announced_size);
}

}  // namespace

std::unique_ptr<store::IngestBatch> IngestSink::MakeBatch() const {
  auto batch = std::make_unique<store::IngestBatch>();
  batch->mailbox = mailbox_;
  batch->folder = folder_;
  batch->uid_validity = uid_validity_;
  batch->relink_gone = true;
  batch->listed = listed_;
  return batch;
}

void IngestSink::SubmitSmall(const std::shared_ptr<Arriving>& message) {
  parsing_.Submit([this, message] {
    auto batch = MakeBatch();
    store::IngestMessage ingest = ToIngestMessage(message->meta, message->size);
    ingest.sha256 = store::ComputeSha256(message->body);
    ingest.completes = completes_;
    ingest.identity = IdentityOf(message->body, message->size, message->meta.size);
    SetContent(ingest, message->meta,
               ParseContent(MemoryByteSource(message->body), message->meta.uid),
               context_.clock.WallNow());
    std::optional<std::string> compressed = store::CompressBody(message->body);
    ingest.compressed = compressed.has_value();
    ingest.body = ingest.compressed ? *std::move(compressed) : std::move(message->body);
    message->body = std::string();
    batch->messages.push_back(std::move(ingest));
    Commit(std::move(batch), message->credits);
  });
}

void IngestSink::SubmitStreamed(const std::shared_ptr<Arriving>& message) {
  parsing_.Submit([this, message] {
    auto batch = MakeBatch();
    store::IngestMessage ingest = ToIngestMessage(message->meta, message->size);
    const StreamedBody& body = *message->streamed;
    ingest.streamed = body.finished();
    ingest.sha256 = body.finished().sha256;
    ingest.completes = completes_;
    ingest.identity = IdentityOf(ReadFront(body.source()), message->size, message->meta.size);
    SetContent(ingest, message->meta, body.Parse(message->meta.uid), context_.clock.WallNow());
    const Status unread = body.source().failure();
    message->streamed.reset();
    if (!unread.ok()) {
      // Fetched again: its body is a hole, and what was parsed of it is not all.
      OnCommitted({.status = unread, .credits = message->credits});
      return;
    }
    batch->messages.push_back(std::move(ingest));
    Commit(std::move(batch), message->credits);
  });
}

void IngestSink::NoBody(const MessageMeta& meta, const Status& why) {
  if (arriving_ != nullptr && arriving_->meta.uid == meta.uid) {
    ReleaseArriving();
  }
  const auto held = reserved_.find(meta.uid);
  if (held != reserved_.end()) {
    context_.budget.Give(held->second);
    reserved_.erase(held);
  }
  withheld_bytes_ += meta.size;
  if (why.code() == Code::kNotFound) {
    absent_.Add(meta.uid);
    return;
  }
  rejected_.emplace_back(meta, why);
  ++refused_;
  ++rejected_in_a_row_;
  if (rejected_in_a_row_ > kRejectedInARowMax && failure_.ok()) {
    failure_ = Status(Code::kServerRefused,
                      "the server refuses one message after another, lastly: " + why.message());
  }
}

// A server in trouble may refuse every body. Its messages are not given up: they stay out of the
// ledger and are asked for again in the next visit.
void IngestSink::SettleRejected() {
  if (stats_.fetched == 0 && rejected_.size() > kRejectedAloneMax && failure_.ok()) {
    failure_ = Status(Code::kServerRefused, "the server gave none of the messages asked for: " +
                                                rejected_.back().second.message());
  }
  if (failure_.ok()) {
    for (const auto& [meta, why] : rejected_) {
      SubmitQuarantined(meta, {}, why);
    }
  }
  rejected_.clear();
}

// The message is listed with the reason instead of its contents, so that nothing is silently
// missing.
void IngestSink::SubmitQuarantined(const MessageMeta& meta, std::string header, const Status& why) {
  LogWarning("folder " + std::to_string(folder_) + " of mailbox " + FormatId(mailbox_.value) +
             ", UID " + std::to_string(meta.uid) + ": kept without its body: " + why.message());
  ++in_flight_;
  std::string reason = "the body could not be fetched: " + why.message();
  parsing_.Submit([this, meta, moved = std::move(header), reason = std::move(reason)] {
    auto batch = MakeBatch();
    store::IngestMessage ingest = ToIngestMessage(meta, meta.size);
    ingest.sha256 = store::ComputeSha256({});
    SetContent(ingest, meta, ParseHeader(moved, reason, meta.uid), context_.clock.WallNow());
    if (!moved.empty()) {
      ingest.identity = store::ComputeIdentity(moved, meta.size);
    }
    batch->messages.push_back(std::move(ingest));
    Commit(std::move(batch), 0);
  });
}

void IngestSink::SubmitAbsent() {
  if (absent_.empty()) {
    return;
  }
  auto batch = MakeBatch();
  batch->absent = std::exchange(absent_, {});
  ++in_flight_;
  Commit(std::move(batch), 0);
}

// Any thread.
void IngestSink::Commit(std::unique_ptr<store::IngestBatch> batch, size_t credits) {
  Committer& committer = context_.committer;
  const std::shared_ptr<const std::atomic<bool>> awaited = awaited_;
  committer.Commit(std::move(batch), [this, credits](store::IngestBatch& done) {
    Committed result;
    result.status = done.status;
    result.credits = credits;
    result.stored = done.stored;
    result.duplicates = done.duplicates + done.relinked;
    result.bytes_stored = done.bytes_stored;
    if (done.status.ok() && done.stored > 0) {
      result.quarantined = static_cast<uint64_t>(
          std::count_if(done.messages.begin(), done.messages.end(),
                        [](const store::IngestMessage& message) { return message.quarantined; }));
    }
    OnCommitted(std::move(result));
  });
  // From here on this sink may be gone.
  if (*awaited) {
    committer.Hurry();
  }
}

// On any thread. Many results share one wake-up of the loop.
void IngestSink::OnCommitted(Committed result) {
  context_.budget.Give(result.credits);
  // Held until the end: once the result is visible, the loop may destroy this sink.
  const std::lock_guard lock(results_mutex_);
  results_.push_back(std::move(result));
  if (!results_posted_) {
    results_posted_ = true;
    loop_.Post([this] { TakeResults(); });
  }
}

void IngestSink::TakeResults() {
  std::vector<Committed> results;
  {
    const std::lock_guard lock(results_mutex_);
    results.swap(results_);
    results_posted_ = false;
  }
  for (const Committed& result : results) {
    --in_flight_;
    stats_.stored += result.stored;
    stats_.duplicates += result.duplicates;
    stats_.quarantined += result.quarantined;
    stats_.bytes_stored += result.bytes_stored;
    context_.progress.messages_done += result.stored + result.duplicates;
    if (failure_.ok() && !result.status.ok()) {
      failure_ = result.status;
    }
  }
  if (in_flight_ == 0 && draining_) {
    draining_ = false;
    drained_.Set(true);
  }
}

void IngestSink::ReleaseArriving() {
  context_.budget.Give(arriving_->credits);
  // A part that the committer still writes keeps the message alive by itself.
  arriving_ = nullptr;
}

net::Task<Status> IngestSink::Drain() {
  if (arriving_ != nullptr) {
    ReleaseArriving();
  }
  for (const auto& [uid, credits] : reserved_) {
    context_.budget.Give(credits);
  }
  reserved_.clear();
  SettleRejected();
  SubmitAbsent();
  *awaited_ = true;
  context_.committer.Hurry();
  while (in_flight_ > 0) {
    draining_ = true;
    const bool idle = co_await drained_.Wait();
    static_cast<void>(idle);
  }
  *awaited_ = false;
  co_await finishing_.Drain();
  co_return failure_;
}

}  // namespace mailhaul::pipeline
