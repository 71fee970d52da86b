// How many messages go into one command. Pure.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "base/uid_set.h"
#include "connectors/connector.h"

namespace mailhaul::imap {

inline constexpr size_t kMetaMessagesMax = 1000;  // Of one UID FETCH for metadata.

// The front of `messages` that fits one command for bodies: at least one message, at most
// kBatchMessagesMax, together at most kBatchBytesMax announced bytes unless it is one alone.
std::span<const MessageMeta> TakeBodyBatch(std::span<const MessageMeta> messages);

// `uids` in sets of at most kMetaMessagesMax members and kUidSetBytesMax bytes of sequence set.
std::deque<UidSet> SplitForMeta(const UidSet& uids);

// "UID FETCH <set> <items>".
std::string FetchText(const UidSet& uids, std::string_view items);

}  // namespace mailhaul::imap
