// Format 2 of the store has the indexes of threads, tags and folders. This adds them to a store of
// format 1, which has everything that they follow from. Format 3 also has bodies in frames,
// format 4 pieces of bodies without their base64, format 5 checks of bodies; nothing of a store is
// converted for these. Private to the store.
//
// The version first becomes one that no program but this step knows, so that an older program does
// not write messages without their index rows in between. The placements are passed over in the
// order of their ids, one bounded batch after the other; a crash costs the last batches, which are
// done again to the same end. Last comes the present version.
#pragma once

#include <string_view>

#include "base/result.h"
#include "store/key_value_store.h"
#include "store/mailbox_table.h"

namespace mailhaul::store {

inline constexpr std::string_view kFormatVersionValue = "mailhaul-store-5";
inline constexpr std::string_view kFormatVersionSplit = "mailhaul-store-4";
inline constexpr std::string_view kFormatVersionFramed = "mailhaul-store-3";
inline constexpr std::string_view kFormatVersionIndexed = "mailhaul-store-2";
inline constexpr std::string_view kFormatVersionBefore = "mailhaul-store-1";
inline constexpr std::string_view kFormatVersionBetween = "mailhaul-store-1-to-2";

// Whether a store of this format has the indexes. One that is being converted has some.
bool IsIndexedFormat(std::string_view version);
// Whether this program reads it.
bool IsKnownFormat(std::string_view version);

// Placements read, and at most written rows for, at a time.
inline constexpr size_t kIndexBuildRowsMax = 1000;

// `table` knows the tenant of every mailbox. Nobody else writes meanwhile. Returns what a commit
// failed with: calling again goes on.
Status BuildIndexes(KeyValueStore& records, const MailboxTable& table);

}  // namespace mailhaul::store
