#include "engine/pipeline/visit_folder.h"

#include <algorithm>
#include <utility>

namespace mailhaul::pipeline {
namespace {

template <typename T>
void Set(T& target, const T& value, bool* changed) {
  if (target != value) {
    target = value;
    *changed = true;
  }
}

}  // namespace

bool VisitFolder::IsUnchanged(bool flags_due) const {
  if (!info.status.has_value() || !record.window_complete) {
    return false;
  }
  const FolderStatus& now = *info.status;
  if (now.uid_validity != record.uid_validity || now.uid_next != record.uid_next ||
      now.uid_next == 0 || now.messages != record.source_messages) {
    return false;
  }
  // With modseq every change of a flag shows; without, only those of \Seen in the sum.
  return now.modseq != 0 ? now.modseq == record.modseq
                         : now.unseen == record.source_unseen && !flags_due;
}

// Not after an opening, which is newer than the listing; nor where messages were stored, for what
// has become of them is for an opening to tell.
bool VisitFolder::IsKnownEmpty() const {
  if (!info.status.has_value() || opened.has_value() || record.placed > 0 || record.gone > 0) {
    return false;
  }
  const FolderStatus& now = *info.status;
  const bool renumbered = record.uid_validity != 0 && record.uid_validity != now.uid_validity;
  return now.uid_validity != 0 && now.uid_next != 0 && now.messages == 0 && now.unseen == 0 &&
         !renumbered;
}

bool VisitFolder::Note(const OpenedFolder& now) {
  opened = now;
  if (now.uid_validity == record.uid_validity) {
    if (HoldsMoreThanCame(now)) {
      record.backfill_complete = false;
      changed = true;
    }
    return false;
  }
  record.uid_validity = now.uid_validity;
  record.uid_next = 0;
  record.window_complete = false;
  record.backfill_complete = false;
  // Flags will be as new as this, whenever the messages are fetched; those of messages that a
  // process stored which died before it could say so are to be read again.
  const bool has_placements = record.placed > 0;
  record.modseq = has_placements ? 0 : now.modseq;
  record.source_messages = kMessagesUnknown;
  // Saved with this stage: those that follow may run in a later visit, which must not find the old
  // folder's work done.
  changed = true;
  return has_placements;
}

// Each UID given out since the last check brought one message at most: whatever else is there was
// there before, and the server had not told of it.
bool VisitFolder::HoldsMoreThanCame(const OpenedFolder& now) const {
  return record.source_messages != kMessagesUnknown && record.uid_next != 0 &&
         now.uid_next >= record.uid_next &&
         now.messages > uint64_t{record.source_messages} + (now.uid_next - record.uid_next);
}

// source_messages and uid_next must come from one opening, or one status of an empty folder: only
// then do they show what is gone.
void VisitFolder::FirstRead(Uid uid_next, bool one_opening, WallTime now) {
  record.window_complete = true;
  record.uid_next = std::max(record.uid_next, uid_next);
  record.source_messages = one_opening ? opened->messages : kMessagesUnknown;
  if (one_opening) {
    record.source_unseen = info.status.has_value() ? info.status->unseen : 0;
    record.flags_checked_at = now;
  }
}

// As one opening does, one status tells the number of messages and UIDNEXT. A server that had them
// wrong is found out by HoldsMoreThanCame().
void VisitFolder::ReadEmpty(WallTime now) {
  const FolderStatus& status = *info.status;
  OpenedFolder empty;
  empty.uid_validity = status.uid_validity;
  empty.uid_next = status.uid_next;
  empty.modseq = status.modseq;
  Note(empty);
  if (!record.window_complete) {
    FirstRead(status.uid_next, /*one_opening=*/true, now);
  }
  record.backfill_complete = true;
  changed = true;
}

void VisitFolder::Checked() {
  Set(record.modseq, opened->modseq, &changed);
  Set(record.source_messages, opened->messages, &changed);
  if (info.status.has_value()) {
    Set(record.source_unseen, info.status->unseen, &changed);
  }
}

}  // namespace mailhaul::pipeline
