// The index files of a data directory: which are open, and which are damaged.
//
// The one indexing thread writes, any number of threads read. Few files are open at a time: those
// used last. A file that turns out to be damaged is named by whoever notices, and deleted by the
// indexing thread, which then builds it anew.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "engine/search/index_file.h"

namespace mailhaul::search {

inline constexpr size_t kWritersMax = 8;
inline constexpr size_t kReadersMax = 32;  // Kept open while nobody uses them.

class IndexSet final {
 public:
  // `directory` is made when it is first written to.
  IndexSet(std::string directory, IndexFile::Options options)
      : directory_(std::move(directory)), options_(options) {}

  const std::string& directory() const { return directory_; }

  // The indexing thread only. Valid until the next call.
  Result<IndexFile*> Writer(const IndexId& id);
  // Closes and deletes it, also where it is not open.
  Status Delete(const IndexId& id);
  // Closes it, so that what was not committed is forgotten.
  void Close(const IndexId& id);
  // Named as damaged since the last call.
  std::set<IndexId> TakeDamaged();

  // Any thread. A reader comes back with GiveBack(), unless it failed. kNotFound: nothing there
  // yet.
  struct Lent {
    std::unique_ptr<IndexReader> reader;
    uint64_t deletions = 0;  // Of any file, when it was taken.
  };
  Result<Lent> TakeReader(const IndexId& id);
  void GiveBack(const IndexId& id, Lent lent);
  void NoteDamaged(const IndexId& id);

 private:
  struct IdleReader {
    IndexId id;
    std::unique_ptr<IndexReader> reader;
  };
  std::string PathOf(const IndexId& id) const { return directory_ + "/" + FileNameOf(id); }

  const std::string directory_;
  const IndexFile::Options options_;

  // The indexing thread's; the one used last comes first.
  std::list<std::pair<IndexId, std::unique_ptr<IndexFile>>> writers_;

  // A file is neither opened for reading while it is deleted, nor kept open by readers afterwards.
  std::mutex mutex_;
  std::list<IdleReader> readers_;  // Guarded by mutex_; used last comes first.
  uint64_t deletions_ = 0;         // Guarded by mutex_.
  std::set<IndexId> damaged_;      // Guarded by mutex_.
};

}  // namespace mailhaul::search
