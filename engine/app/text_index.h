// The full text index of a running server: its files, its thread, and what HTTP asks of it.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/http/text_search.h"
#include "engine/pipeline/context.h"
#include "engine/search/index_set.h"
#include "engine/search/index_thread.h"
#include "engine/search/indexer.h"
#include "engine/search/searcher.h"
#include "store/file_system.h"
#include "store/mail_store.h"

namespace mailhaul::app {

// Thread-safe. The store and the rest outlive it.
class TextIndex final : public http::TextSearch {
 public:
  // Below `data_dir`, for tenants of these names; begins at once.
  TextIndex(const std::string& data_dir, std::vector<std::string> tenants, store::MailStore& store,
            store::FileSystem& files, const Clock& clock, const pipeline::Progress& progress);

  Result<http::TextHits> Find(const http::TextQuery& query) override;
  std::optional<WallTime> IndexedTo(TenantId tenant) override;

  // What of the change log an index has taken in; absent: it is none of the tenants indexed here.
  std::optional<uint64_t> ReadTo(TenantId tenant, ShardId shard) const;

  // A tenant that came later; one that is there changes nothing.
  void AddTenant(const std::string& name);
  // What is indexed stays; it is not kept up any more.
  void RemoveTenant(const std::string& name);
  // Deletes its indexes, of a tenant that is none of those indexed here, soon: on the thread that
  // may have them open.
  void Delete(TenantId tenant, const std::vector<ShardId>& shards);

  // Prometheus text format 0.0.4; names: docs/operations.md.
  std::string Metrics() const;

 private:
  std::vector<std::string> Tenants() const;

  mutable std::mutex mutex_;
  std::vector<std::string> tenants_;  // Guarded by mutex_.
  const store::MailStore& store_;
  const Clock& clock_;
  search::IndexSet indexes_;
  search::Indexer indexer_;
  search::Searcher searcher_;
  search::IndexThread thread_;  // Last: it uses all of them.
};

}  // namespace mailhaul::app
