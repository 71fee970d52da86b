// How many messages go into one command. Pure.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "base/uid_set.h"
#include "connectors/connector.h"
#include "connectors/imap/limits.h"

namespace mailhaul::imap {

// Room for the sequence set in a command line of at most `command_bytes_max` bytes: at least that
// for a handful of UIDs, at most kUidSetBytesMax.
size_t UidSetBytes(size_t command_bytes_max);

// The front of `messages` that fits one command for bodies: at least one message, at most
// kBatchMessagesMax and what `set_bytes_max` bytes of sequence set hold, together at most
// kBatchBytesMax announced bytes unless it is one alone.
std::span<const MessageMeta> TakeBodyBatch(std::span<const MessageMeta> messages,
                                           size_t set_bytes_max);

// `uids` in sets of at most `members_max` members and `set_bytes_max` bytes of sequence set.
std::deque<UidSet> SplitUids(const UidSet& uids, uint64_t members_max, size_t set_bytes_max);

// "UID FETCH <set> <items>".
std::string FetchText(const UidSet& uids, std::string_view items);

}  // namespace mailhaul::imap
