// One folder during a visit: what the server says of it, what the store knows, and what has become
// of it so far.
#pragma once

#include <optional>

#include "connectors/connector.h"
#include "store/mail_store.h"

namespace mailhaul::pipeline {

// FolderRecord::source_messages when the last listing did not come from one opening of the folder.
inline constexpr uint32_t kMessagesUnknown = UINT32_MAX;

struct VisitFolder {
  FolderInfo info;
  store::FolderRecord record;
  bool changed = false;                // The record is not saved yet.
  std::optional<OpenedFolder> opened;  // In this stage; see ReadEmpty().

  // The server's word alone shows that nothing has happened since the last complete check.
  bool IsUnchanged(bool flags_due) const;
  // The server's word alone shows what an opening would: no messages, and nothing is known here
  // that this would change.
  bool IsKnownEmpty() const;
  // Some of it was never read under its UIDVALIDITY.
  bool IsReadAnew() const { return !record.window_complete || !record.backfill_complete; }
  // Takes over what an opening says. Under a new UIDVALIDITY nothing is known of its UIDs: window
  // and backfill start again. Returns whether that is so, and messages of the old one are stored.
  // Backfill starts again, too, if the server shows what it had not told of.
  bool Note(const OpenedFolder& now);
  // The window is complete, and everything below `uid_next` looked at. `one_opening`: all that is
  // stored was listed in one opening of the folder, the last.
  void FirstRead(Uid uid_next, bool one_opening, WallTime now);
  // IsKnownEmpty(): it is read, as if an opening had told what the listing did. What came since
  // lies at or above that UIDNEXT.
  void ReadEmpty(WallTime now);
  // The check of this folder is complete as of its opening.
  void Checked();

 private:
  bool HoldsMoreThanCame(const OpenedFolder& now) const;
};

}  // namespace mailhaul::pipeline
