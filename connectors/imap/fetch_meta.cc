#include <unordered_map>
#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/fetch_pipeline.h"
#include "connectors/imap/labels.h"

namespace mailhaul::imap {
namespace {

std::string Items(const Capabilities& capabilities) {
  std::string items = "(UID FLAGS INTERNALDATE RFC822.SIZE";
  if (capabilities.labels()) {
    items += " X-GM-LABELS X-GM-THRID";
  } else if (capabilities.Has("OBJECTID")) {
    items += " THREADID";
  }
  return items + ")";
}

class MetaHandler final : public FetchHandler {
 public:
  Status OnFetch(const FetchEntry& fetch) override {
    // Servers may spread the items of one message over several responses.
    MessageMeta& meta = MetaOf(fetch.uid);
    if (fetch.flags) {
      meta.flags = *fetch.flags;
      meta.keywords = fetch.keywords;
    }
    if (fetch.internal_date) {
      meta.internal_date = *fetch.internal_date;
    }
    if (fetch.size) {
      meta.size = *fetch.size;
    }
    if (fetch.labels) {
      meta.labels = *fetch.labels;  // Read by Take(): some of them are flags.
    }
    if (!fetch.thread_id.empty()) {
      meta.thread_object = fetch.thread_id;
    }
    return {};
  }
  // Let the fetch of its body decide what becomes of it.
  void OnRefused(Uid uid) override { MetaOf(uid); }
  std::vector<MessageMeta> Take() {
    for (MessageMeta& meta : metas_) {
      Labels labels = ReadLabels(meta.labels);
      meta.flags |= labels.flags;
      meta.labels = std::move(labels.names);
    }
    return std::move(metas_);
  }

 private:
  MessageMeta& MetaOf(Uid uid) {
    const auto [it, is_new] = positions_.try_emplace(uid, metas_.size());
    if (is_new) {
      metas_.emplace_back();
      metas_.back().uid = uid;
    }
    return metas_[it->second];
  }

  std::vector<MessageMeta> metas_;
  std::unordered_map<Uid, size_t> positions_;  // In metas_.
};

}  // namespace

net::Task<Result<std::vector<MessageMeta>>> FetchMetadata(Connection& connection,
                                                          const Capabilities& capabilities,
                                                          const UidSet& uids,
                                                          size_t set_bytes_max) {
  FetchPlan plan;
  plan.items = Items(capabilities);
  plan.messages_max = kMetaMessagesMax;
  plan.set_bytes_max = set_bytes_max;
  MetaHandler handler;
  CO_RETURN_IF_ERROR(FetchAll(connection, uids, plan, handler));
  co_return handler.Take();
}

}  // namespace mailhaul::imap
