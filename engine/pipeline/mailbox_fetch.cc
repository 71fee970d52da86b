// How a visit fetches: newest first, in chunks, re-linking before it downloads.
#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "engine/pipeline/await_on.h"
#include "engine/pipeline/mailbox_visit.h"

namespace mailhaul::pipeline {
namespace {

// UIDs whose metadata is held at once.
constexpr uint64_t kChunkUids = 1000;
// Bodies asked for before the tenant's quota is looked at again.
constexpr uint64_t kQuotaPortion = uint64_t{32} << 20;

// What is asked for at once before it is known how fast the server is: bytes, and as many for each
// message besides its own.
constexpr uint64_t kPartMin = uint64_t{1} << 20;
constexpr uint64_t kPerMessage = uint64_t{16} << 10;

UidSet UidsOf(const std::vector<MessageMeta>& metas) {
  UidSet uids;
  for (const MessageMeta& meta : metas) {
    uids.Add(meta.uid);
  }
  return uids;
}

// Takes the headers of messages that are too large to be kept whole.
class HeaderKeeper final : public HeaderSink {
 public:
  void OnHeader(Uid uid, std::string_view header) override { headers_[uid] = header; }
  std::string Take(Uid uid) { return std::move(headers_[uid]); }

 private:
  std::map<Uid, std::string> headers_;
};

}  // namespace

net::Task<Status> MailboxVisit::Fetch(VisitFolder& folder, UidSet uids, bool urgent) {
  if (uids.empty()) {
    co_return Status::Ok();
  }
  IngestSink sink(context_, options_.mailbox, folder.record.id, folder.record.uid_validity, urgent);
  if (!session_.listing_is_complete()) {
    CO_TRY(UidSet listed, session_.ListUids(std::nullopt));
    sink.RelinkUnlisted(std::move(listed));
  }
  const Status fetched = co_await FetchInto(sink, folder, std::move(uids));
  const Status committed = co_await sink.Drain();
  ReleaseQuota();
  result_.stats.Add(sink.stats());
  // A store failure is the cause, the session's the consequence.
  co_return committed.ok() ? fetched : committed;
}

net::Task<Status> MailboxVisit::FetchInto(IngestSink& sink, const VisitFolder& folder,
                                          UidSet uids) {
  // A message that has just gone may have moved here; one that went earlier turns up only where a
  // folder is read anew.
  const bool relinks = changes_.vanished() > 0 || (gone_ > 0 && (goes_on_ || folder.IsReadAnew()));
  while (!uids.empty()) {
    if (IsOver(sink)) {
      result_.more = true;
      break;
    }
    if (Status over = CheckQuota(); !over.ok()) {
      co_return over;
    }
    UidSet chunk = uids.Greatest(kChunkUids);
    uids.Remove(chunk);
    if (relinks) {
      CO_TRY(const UidSet found,
             relinker_.Relink(folder.record.id, folder.record.uid_validity, chunk));
      chunk.Remove(found);
      result_.stats.duplicates += found.size();
      progressed_ = progressed_ || !found.empty();
    }
    UidSet left;
    const uint64_t refused = sink.refused();
    CO_RETURN_IF_ERROR(FetchChunk(sink, std::move(chunk), &left));
    if (options_.quota_bytes != 0 && !sink.only_refused()) {
      CO_RETURN_IF_ERROR(sink.Drain());  // Only what is stored is known to be so much.
      ReleaseQuota();
    }
    // What was refused left its bytes to others.
    if (options_.exact_bytes && sink.refused() == refused) {
      result_.more = result_.more || !left.empty();  // Smaller ones may still fit.
    } else {
      uids.AddAll(left);
    }
  }
  co_return Status::Ok();
}

// Were a slice's time to end it while the server has refused every body, those would be asked for
// first in the next one again, and for ever. The sink fails when there are too many of them.
bool MailboxVisit::IsOver(const IngestSink& sink) const {
  return BytesOver() || (TimeOver() && !sink.only_refused());
}

Status MailboxVisit::CheckQuota() {
  if (options_.quota_bytes == 0) {
    return Status::Ok();
  }
  const uint64_t used =
      context_.store.BytesOf(options_.tenant).value_or(0) + options_.quota_asked->load();
  if (used >= options_.quota_bytes) {
    return {Code::kResourceExhausted, "the tenant's quota is used up"};
  }
  quota_left_ = std::min(options_.quota_bytes - used, kQuotaPortion);
  return Status::Ok();
}

void MailboxVisit::ReleaseQuota() {
  if (options_.quota_bytes != 0) {
    options_.quota_asked->fetch_sub(std::exchange(quota_taken_, 0));
  }
}

bool MailboxVisit::TakeBytes(uint64_t size) {
  if (quota_left_ == 0) {
    return false;
  }
  const uint64_t left = BytesLeft();
  const bool fits = left > 0 && (!options_.exact_bytes || size <= left);
  if (!fits) {
    result_.bytes_needed = std::max(result_.bytes_needed, size);
    return false;
  }
  result_.bytes_asked += size;
  bytes_taken_ += std::max<uint64_t>(size, 1);
  if (options_.quota_bytes != 0) {
    quota_left_ -= std::min(quota_left_, std::max<uint64_t>(size, 1));
    quota_taken_ += size;
    options_.quota_asked->fetch_add(size);
  }
  return true;
}

void MailboxVisit::GiveBytesBack(uint64_t size) {
  result_.bytes_asked -= size;
  bytes_taken_ -= size;
  if (options_.quota_bytes != 0) {
    quota_left_ = std::min(quota_left_ + size, kQuotaPortion);
    quota_taken_ -= size;
    options_.quota_asked->fetch_sub(size);
  }
}

net::Task<Status> MailboxVisit::FetchChunk(IngestSink& sink, UidSet chunk, UidSet* left) {
  if (chunk.empty()) {
    co_return Status::Ok();
  }
  CO_TRY(std::vector<MessageMeta> metas, session_.FetchMeta(chunk));
  std::erase_if(metas, [&chunk](const MessageMeta& meta) { return !chunk.Contains(meta.uid); });
  std::sort(metas.begin(), metas.end(),
            [](const MessageMeta& a, const MessageMeta& b) { return a.uid < b.uid; });
  sink.AddAbsent(chunk.Minus(UidsOf(metas)));
  std::reverse(metas.begin(), metas.end());
  std::vector<MessageMeta> part;
  std::vector<MessageMeta> oversized;
  UidSet expired;
  uint64_t weight = 0;
  bool over = false;
  for (MessageMeta& meta : metas) {
    if (options_.received_from && meta.internal_date != WallTime{} &&
        meta.internal_date < *options_.received_from) {
      expired.Add(meta.uid);
    } else if (meta.size > options_.max_message) {
      oversized.push_back(std::move(meta));
    } else if (over || !TakeBytes(meta.size)) {
      left->Add(meta.uid);
    } else {
      weight += meta.size + kPerMessage;
      part.push_back(std::move(meta));
    }
    if (weight >= PartMax()) {
      std::vector<MessageMeta> full;
      full.swap(part);
      CO_RETURN_IF_ERROR(FetchPart(sink, std::move(full), std::exchange(weight, 0)));
      over = IsOver(sink);
    }
  }
  sink.AddAbsent(expired);
  CO_RETURN_IF_ERROR(KeepHeaders(sink, std::move(oversized)));
  CO_RETURN_IF_ERROR(FetchPart(sink, std::move(part), weight));
  progressed_ = true;
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::FetchPart(IngestSink& sink, std::vector<MessageMeta> part,
                                          uint64_t weight) {
  if (part.empty()) {
    co_return Status::Ok();
  }
  const TimePoint began = context_.clock.Now();
  const uint64_t withheld_before = sink.withheld_bytes();
  const Status fetched = co_await session_.FetchBodies(part, sink);
  GiveBytesBack(sink.withheld_bytes() - withheld_before);
  if (!fetched.ok() || !sink.failure().ok()) {
    co_return fetched.ok() ? sink.failure() : fetched;
  }
  constexpr double kShortest = 0.001;
  const std::chrono::duration<double> took = context_.clock.Now() - began;
  weight_per_second_ = static_cast<double>(weight) / std::max(took.count(), kShortest);
  progressed_ = true;
  co_return Status::Ok();
}

// As much as half the time that is left suffices for, so that a slow server, too, is left when the
// slice is over.
uint64_t MailboxVisit::PartMax() const {
  if (stop_at_ == TimePoint::max()) {
    return UINT64_MAX;
  }
  const std::chrono::duration<double> left = stop_at_ - context_.clock.Now();
  const double fits = std::min(weight_per_second_ * left.count() / 2, 1e15);
  return fits > static_cast<double>(kPartMin) ? static_cast<uint64_t>(fits) : kPartMin;
}

// A message over the limit is listed with what its header says, and with the reason.
net::Task<Status> MailboxVisit::KeepHeaders(IngestSink& sink, std::vector<MessageMeta> oversized) {
  // One at a time: a header may have a megabyte.
  for (const MessageMeta& meta : oversized) {
    HeaderKeeper keeper;
    UidSet uid;
    uid.Add(meta.uid);
    const Status fetched = co_await session_.FetchHeaders(uid, keeper);
    if (!fetched.ok() && fetched.code() != Code::kServerRefused) {
      co_return fetched;
    }
    sink.LeaveOut(meta, keeper.Take(meta.uid),
                  Status(Code::kMessageRejected, "larger than collect.max_message"));
  }
  co_return Status::Ok();
}

net::Task<Status> MailboxVisit::FetchWanted() {
  // One at least, however long the check took: each may be larger than a slice.
  for (bool first = true; !options_.wanted.empty(); first = false) {
    if (!first && (BytesOver() || TimeOver())) {
      break;
    }
    const MessageId message = options_.wanted.back();
    options_.wanted.pop_back();
    CO_RETURN_IF_ERROR(FetchWhole(message));
    progressed_ = true;
  }
  result_.wanted_left = options_.wanted;
  co_return Status::Ok();
}

// A message that is gone, moved or here meanwhile needs nothing.
net::Task<Status> MailboxVisit::FetchWhole(MessageId message) {
  using Read = Result<store::StoredMessage>;
  std::function<Read()> read = [this, message] { return context_.store.GetMessage(message); };
  const Read stored = co_await RunOn<Read>(context_.reads, std::move(read));
  if (!stored.ok()) {
    co_return stored.status().code() == Code::kNotFound ? Status::Ok() : stored.status();
  }
  const auto folder =
      std::find_if(folders_.begin(), folders_.end(),
                   [&stored](const VisitFolder& each) { return each.record.id == stored->folder; });
  if (folder == folders_.end() || stored->gone || stored->has_body() ||
      stored->mailbox != options_.mailbox) {
    co_return Status::Ok();
  }
  CO_RETURN_IF_ERROR(Open(*folder, nullptr));
  if (folder->record.uid_validity != stored->uid_validity) {
    co_return Status::Ok();
  }
  UidSet uid;
  uid.Add(stored->uid);
  CO_TRY(const std::vector<MessageMeta> metas, session_.FetchMeta(uid));
  if (Status over = CheckQuota(); !over.ok()) {
    co_return over;
  }
  if (options_.exact_bytes && !metas.empty() && !TakeBytes(metas.front().size)) {
    LogWarning("a message that was asked for is larger than what its host allows today");
    co_return Status::Ok();
  }
  IngestSink sink(context_, options_.mailbox, folder->record.id, folder->record.uid_validity,
                  /*urgent=*/true);
  sink.CompleteListed();
  const Status fetched = co_await session_.FetchBodies(metas, sink);
  const Status committed = co_await sink.Drain();
  ReleaseQuota();
  result_.stats.Add(sink.stats());
  co_return committed.ok() ? fetched : committed;
}

}  // namespace mailhaul::pipeline
