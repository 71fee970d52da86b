// A message that a client has written itself (message/rfc822), made fit to be sent.
#pragma once

#include <string>
#include <string_view>

#include "engine/mime/compose.h"

namespace mailhaul::mime {

inline constexpr size_t kRawBytesMax = size_t{70} * 1024 * 1024;  // kDraftBytesMax in base64.
inline constexpr size_t kRawHeaderBytesMax = size_t{512} * 1024;
inline constexpr size_t kRawHeaderFieldsMax = 1'000;
inline constexpr size_t kRawLineBytesMax = 998;  // RFC 5322, 2.1.1; without its end.

struct RawOptions {
  std::string message_id;  // Used if the message has none; with or without angle brackets.
  WallTime date;           // Likewise.
  bool allow_utf8_local_parts = false;  // See Draft.
};

// Takes out the Bcc fields, adds Date and Message-ID below the other fields if they are missing,
// and makes every line end CRLF, bare CR and bare LF included, so that no two readers see different
// lines. All other bytes stay as they are. The envelope is that of the From field (of Sender, if
// From names several) and of To, Cc and Bcc.
//
// kInvalidArgument ("message: ..." or "message.FIELD: ..."): over a limit above or
// kDraftRecipientsMax, a NUL, a line that is no header field, none or several of From, several of
// another field that RFC 5322 section 3.6 allows once, a Resent- field, an unusable address, date
// or id, no recipient.
Result<OutgoingMessage> PrepareRaw(std::string_view bytes, const RawOptions& options);

}  // namespace mailhaul::mime
