// Copies of a whole store: for `backup` and `restore`.
//
// A copy has the data directory's own layout: records/ and blobs/. The records are taken first, so
// that every body they refer to is there when the segments are copied; what comes behind those in
// the segments belongs to later records, and does no harm.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/file_system.h"
#include "store/rocksdb_store.h"

namespace mailhaul::app {

// kIo when it cannot be told, as without the right to look.
Result<bool> Exists(const std::string& path);

// What MakeCheckpoint() calls what it makes, before a number.
inline constexpr std::string_view kCheckpointPrefix = "checkpoint-";
// A checkpoint of the records in a new directory of this name below `data_dir`, in hard links.
Result<std::string> MakeCheckpoint(store::EmbeddedStore& records, const std::string& data_dir);
// For control.sock: the answer to kCheckpointQuestion.
std::optional<std::string> AnswerCheckpoint(store::EmbeddedStore& records,
                                            const std::string& data_dir, std::string_view question);
// Deletes what MakeCheckpoint() made a day ago and nobody fetched.
void RemoveCheckpoints(const std::string& data_dir);

// All files of `from`, which has no directories, to `to`, which is created. Durable when it
// returns. Calls `copied` with the bytes of each file.
Status CopyDirectory(store::FileSystem& files, const std::string& from, const std::string& to,
                     const std::function<void(uint64_t)>& copied);

}  // namespace mailhaul::app
