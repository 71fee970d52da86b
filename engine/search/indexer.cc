#include "engine/search/indexer.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "engine/search/message_words.h"

namespace mailhaul::search {
namespace {

constexpr size_t kChangesPerStep = 200;
constexpr size_t kMessagesPerStep = 100;

}  // namespace

std::optional<WallTime> Indexer::IndexedTo(TenantId tenant) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = indexed_to_.find(tenant);
  return known == indexed_to_.end() ? std::nullopt : std::optional<WallTime>(known->second);
}

uint64_t Indexer::ReadTo(TenantId tenant, ShardId shard) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = read_to_.find({.shard = shard, .tenant = tenant});
  return known == read_to_.end() ? 0 : known->second;
}

IndexerStats Indexer::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void Indexer::SetIndexedTo(TenantId tenant, std::optional<WallTime> time) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (time.has_value()) {
    indexed_to_[tenant] = *time;
  } else {
    indexed_to_.erase(tenant);
  }
}

Status Indexer::CheckRoom() {
  const std::string& directory = indexes_.directory();
  const std::string parent = directory.substr(0, directory.rfind('/'));
  MH_ASSIGN_OR_RETURN(const uint64_t free, files_.FreeBytes(parent));
  if (free < kFreeBytesMin) {
    return {Code::kDiskFull, "less than 256 MiB are left at " + parent};
  }
  return {};
}

Status Indexer::Rebuild(const IndexId& id, const std::string& why) {
  LogWarning("the full text index " + FileNameOf(id) + " is built anew: " + why);
  progress_.erase(id);
  SetIndexedTo(id.tenant, std::nullopt);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++stats_.rebuilds;
  }
  return indexes_.Delete(id);
}

Status Indexer::Delete(const IndexId& id) {
  progress_.erase(id);
  SetIndexedTo(id.tenant, std::nullopt);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    read_to_.erase(id);
  }
  return indexes_.Delete(id);
}

Status Indexer::PrepareIndex(const IndexId& id, const store::ChangePosition& end) {
  Result<IndexFile*> file = indexes_.Writer(id);
  if (file.status().code() == Code::kCorrupt) {
    MH_RETURN_IF_ERROR(Rebuild(id, file.status().ToString()));
    file = indexes_.Writer(id);
  }
  if (file.ok() && (*file)->progress().has_value() &&
      (*file)->progress()->position > end.Last(id.shard)) {
    MH_RETURN_IF_ERROR(Rebuild(id, "it is ahead of the store"));
    file = indexes_.Writer(id);
  }
  if (!file.ok()) {
    return file.status();
  }
  if ((*file)->progress().has_value()) {
    progress_[id] = *(*file)->progress();
    return {};
  }
  IndexProgress progress;
  progress.position = end.Last(id.shard);
  progress_[id] = progress;
  SetIndexedTo(id.tenant, std::nullopt);
  return Transact(id, [](IndexFile&, IndexProgress&) { return Status(); });
}

Status Indexer::Prepare(TenantId tenant, const std::vector<ShardId>& shards) {
  for (const IndexId& id : indexes_.TakeDamaged()) {
    MH_RETURN_IF_ERROR(Rebuild(id, "a search found it damaged"));
  }
  std::optional<store::ChangePosition> end;
  for (const ShardId shard : shards) {
    const IndexId id{.shard = shard, .tenant = tenant};
    if (progress_.contains(id)) {
      continue;
    }
    if (!end.has_value()) {
      MH_ASSIGN_OR_RETURN(end, store_.EndOfChanges(tenant));
    }
    const Status prepared = PrepareIndex(id, *end);
    if (!prepared.ok()) {
      progress_.erase(id);
      return prepared;
    }
  }
  return {};
}

template <typename Work>
Status Indexer::Transact(const IndexId& id, const Work& work) {
  batch_bytes_ = 0;
  IndexProgress progress = progress_[id];
  const Result<IndexFile*> file = indexes_.Writer(id);
  Status done = file.status();
  if (done.ok()) {
    done = (*file)->Begin();
  }
  if (done.ok()) {
    done = work(**file, progress);
  }
  if (done.ok()) {
    done = (*file)->Commit(progress);
  }
  if (done.ok()) {
    progress_[id] = progress;
    return {};
  }
  if (file.ok()) {
    (*file)->Abandon();
    indexes_.Close(id);
  }
  if (done.code() == Code::kCorrupt) {
    return Rebuild(id, done.ToString());
  }
  return done.WithContext(FileNameOf(id));
}

Status Indexer::PutMessage(IndexFile& file, const store::StoredMessage& message) {
  if (message.id.sequence() > kSequenceMax) {
    return {};
  }
  std::unique_ptr<ByteSource> raw;
  bool complete = message.has_body();
  if (complete && message.content.unparsed_reason.empty()) {
    Result<std::unique_ptr<ByteSource>> opened = store_.OpenRaw(message);
    complete = opened.ok();
    if (opened.ok()) {
      raw = std::move(opened).value();
    } else {
      LogWarning("message " + FormatId(message.id.value) +
                 " is in the full text index without its body: " + opened.status().ToString());
    }
  }
  const std::string words = WordsOf(message, raw.get());
  batch_bytes_ += words.size();
  MH_RETURN_IF_ERROR(file.Put(message.id, message.internal_date, complete, words));
  const std::lock_guard<std::mutex> lock(mutex_);
  ++stats_.messages;
  stats_.bodies_unread += message.has_body() && !complete ? 1 : 0;
  return {};
}

Status Indexer::ApplyChange(IndexFile& file, const store::Change& change) {
  const MessageId id = change.entry.message;
  switch (change.entry.type) {
    case store::ChangeEntry::Type::kMessageDeleted:
      return file.Remove(id);
    case store::ChangeEntry::Type::kMessageCreated:
    case store::ChangeEntry::Type::kMessageUpdated: {
      MH_ASSIGN_OR_RETURN(const std::optional<bool> complete, file.Find(id));
      if (complete.value_or(false)) {
        return {};  // Its words never change: flags and folders are the store's.
      }
      const Result<store::StoredMessage> message = store_.GetMessage(id);
      if (message.status().code() == Code::kNotFound) {
        return {};  // Deleted since: the log says so further on.
      }
      if (!message.ok()) {
        LogWarning("message " + FormatId(id.value) +
                   " is not in the full text index: " + message.status().ToString());
        return message.status().code() == Code::kCorrupt ? Status() : message.status();
      }
      return complete.has_value() && !message->has_body() ? Status() : PutMessage(file, *message);
    }
    case store::ChangeEntry::Type::kMailboxUpdated:
    case store::ChangeEntry::Type::kSubmissionUpdated:
      return {};
  }
  return {};
}

Status Indexer::ApplyChanges(const IndexId& id, const Changes& changes) {
  for (size_t next = 0; next < changes.size() && progress_.contains(id);) {
    const auto work = [&](IndexFile& file, IndexProgress& progress) -> Status {
      for (; next < changes.size() && batch_bytes_ < kBatchBytesMax; ++next) {
        MH_RETURN_IF_ERROR(ApplyChange(file, changes[next]));
        progress.position = changes[next].sequence;
      }
      return {};
    };
    MH_RETURN_IF_ERROR(Transact(id, work));
  }
  return {};
}

Status Indexer::Follow(TenantId tenant, const store::ChangePage& page) {
  std::map<ShardId, Changes> by_shard;
  for (const store::Change& change : page.changes) {
    by_shard[change.shard].push_back(change);
  }
  for (const auto& [shard, changes] : by_shard) {
    MH_RETURN_IF_ERROR(ApplyChanges({.shard = shard, .tenant = tenant}, changes));
  }
  return {};
}

Status Indexer::Walk(const IndexId& id) {
  const IndexProgress before = progress_[id];
  store::MessageQuery query;
  query.tenant = id.tenant;
  query.shard = id.shard;
  query.limit = kMessagesPerStep;
  if (before.walk_id.value != 0) {
    query.cursor_date = before.walk_date;
    query.cursor_id = before.walk_id;
  }
  MH_ASSIGN_OR_RETURN(const store::MessagePage page, store_.ListMessages(query));
  size_t next = 0;
  do {
    const auto work = [&](IndexFile& file, IndexProgress& progress) -> Status {
      for (; next < page.items.size() && batch_bytes_ < kBatchBytesMax; ++next) {
        const store::StoredMessage& message = page.items[next];
        MH_ASSIGN_OR_RETURN(const std::optional<bool> known, file.Find(message.id));
        if (!known.has_value()) {
          MH_RETURN_IF_ERROR(PutMessage(file, message));
        }
        progress.walk_date = message.internal_date;
        progress.walk_id = message.id;
      }
      progress.walked = next == page.items.size() && !page.more;
      return {};
    };
    MH_RETURN_IF_ERROR(Transact(id, work));
  } while (next < page.items.size() && progress_.contains(id));
  return {};
}

Status Indexer::RebuildOutdated(TenantId tenant, const std::vector<ShardId>& shards,
                                const std::string& why) {
  MH_ASSIGN_OR_RETURN(const store::ChangePosition start, store_.StartOfChanges(tenant));
  for (const ShardId shard : shards) {
    const IndexId id{.shard = shard, .tenant = tenant};
    if (progress_[id].position < start.Last(shard)) {
      MH_RETURN_IF_ERROR(Rebuild(id, why));
    }
  }
  return {};
}

Result<bool> Indexer::Step(TenantId tenant) {
  const std::vector<ShardId> shards = store_.ShardsOf(tenant);
  Result<bool> more = StepOn(tenant, shards);
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const ShardId shard : shards) {
    const IndexId id{.shard = shard, .tenant = tenant};
    const auto known = progress_.find(id);
    read_to_[id] = known == progress_.end() ? 0 : known->second.position;
  }
  return more;
}

Result<bool> Indexer::StepOn(TenantId tenant, const std::vector<ShardId>& shards) {
  MH_RETURN_IF_ERROR(CheckRoom());
  // Taken before anything is read: what is stored later may be missed.
  const WallTime now = clock_.WallNow();
  MH_RETURN_IF_ERROR(Prepare(tenant, shards));
  store::ChangePosition position;
  for (const ShardId shard : shards) {
    position.Set(shard, progress_[{.shard = shard, .tenant = tenant}].position);
  }
  const Result<store::ChangePage> page =
      store_.ListChanges(tenant, std::move(position), kChangesPerStep);
  if (page.status().code() == Code::kNotFound) {
    MH_RETURN_IF_ERROR(RebuildOutdated(tenant, shards, page.status().message()));
    return true;
  }
  if (!page.ok()) {
    return page.status();
  }
  MH_RETURN_IF_ERROR(Follow(tenant, *page));
  if (page->more) {
    return true;
  }
  for (const ShardId shard : shards) {
    const IndexId id{.shard = shard, .tenant = tenant};
    const auto known = progress_.find(id);
    if (known == progress_.end()) {
      return true;  // It was found damaged just now.
    }
    if (!known->second.walked) {
      MH_RETURN_IF_ERROR(Walk(id));
      return true;
    }
  }
  SetIndexedTo(tenant, now);
  return false;
}

}  // namespace mailhaul::search
