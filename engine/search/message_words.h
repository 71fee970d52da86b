// The words by which a message is found.
#pragma once

#include <string>

#include "base/byte_source.h"
#include "store/mail_store.h"

namespace mailhaul::search {

// Of the body and text attachments of one message; what comes later is not found.
inline constexpr size_t kBodyTextBytesMax = size_t{1} << 20;

// Subject, addresses, names of attachments, and with `raw` what the message says. `raw` may be
// null.
std::string WordsOf(const store::StoredMessage& message, const ByteSource* raw);

}  // namespace mailhaul::search
