#include "engine/pipeline/relinker.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/pipeline/await_on.h"
#include "engine/pipeline/message_tags.h"

namespace mailhaul::pipeline {
namespace {

// Hashes headers as they pass: only the identities stay.
class IdentityCollector final : public HeaderSink {
 public:
  explicit IdentityCollector(const std::vector<MessageMeta>& metas) {
    for (const MessageMeta& meta : metas) {
      sizes_.emplace(meta.uid, meta.size);
    }
  }

  void OnHeader(Uid uid, std::string_view header) override {
    const auto size = sizes_.find(uid);
    if (size != sizes_.end()) {
      identities_.emplace(uid, store::ComputeIdentity(header, size->second));
    }
  }

  const store::MessageIdentity* Find(Uid uid) const {
    const auto it = identities_.find(uid);
    return it == identities_.end() ? nullptr : &it->second;
  }

 private:
  std::unordered_map<Uid, uint64_t> sizes_;
  std::unordered_map<Uid, store::MessageIdentity> identities_;
};

std::vector<store::RelinkItem> ToItems(std::vector<MessageMeta> metas,
                                       const IdentityCollector& identities) {
  std::vector<store::RelinkItem> items;
  for (MessageMeta& meta : metas) {
    const store::MessageIdentity* const identity = identities.Find(meta.uid);
    if (identity == nullptr) {
      continue;
    }
    store::RelinkItem item;
    item.uid = meta.uid;
    item.flags = meta.flags;
    item.keywords = TagsOf(std::move(meta.keywords), meta.labels);
    item.internal_date = meta.internal_date;
    item.identity = *identity;
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

net::Task<Result<UidSet>> Relinker::Relink(store::FolderId folder, uint32_t uid_validity,
                                           const UidSet& uids) {
  CO_TRY(std::vector<MessageMeta> metas, session_.FetchMeta(uids));
  std::erase_if(metas, [&uids](const MessageMeta& meta) { return !uids.Contains(meta.uid); });
  IdentityCollector identities(metas);
  Status fetched = co_await session_.FetchHeaders(uids, identities);
  if (fetched.code() == Code::kServerRefused) {
    co_return UidSet();
  }
  if (!fetched.ok()) {
    co_return fetched;
  }
  std::vector<store::RelinkItem> items = ToItems(std::move(metas), identities);
  if (items.empty()) {
    co_return UidSet();
  }
  std::function<Result<UidSet>()> relink = [this, folder, uid_validity, moved = std::move(items)] {
    return context_.store.Relink(mailbox_, folder, uid_validity, moved);
  };
  co_return co_await RunOn<Result<UidSet>>(context_.committer, std::move(relink));
}

}  // namespace mailhaul::pipeline
