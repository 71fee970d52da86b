// RFC 5322 and MIME (RFC 2045-2049, 2231): values by GMime, structure by our own bounded scan.
//
// Mail is hostile input. One linear scan (structure.h) finds the parts and keeps the limits; GMime
// sees single header values of bounded length and the bodies that are asked for, never a whole
// message. A message beyond the limits is reported as unparsed with the reason. Every text that
// leaves is valid UTF-8 without NUL; one-line texts hold no control characters. Thread-safe; equal
// bytes give equal results. Conversion handles are kept per thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/result.h"

namespace mailhaul::mime {

inline constexpr size_t kHeaderBytesMax = 1024 * 1024;  // All header blocks together.
inline constexpr size_t kPartsMax = 10'000;
inline constexpr size_t kDepthMax = 100;
inline constexpr size_t kAddressesMax = 10'000;   // Per field; the rest is dropped.
inline constexpr size_t kReferencesMax = 1'000;   // The first and the last of longer lists stay.
inline constexpr size_t kAttachmentsMax = 1'000;  // Later ones are neither listed nor numbered.
inline constexpr size_t kFilenameBytesMax = 255;
inline constexpr size_t kSubjectBytesMax = 2'000;
inline constexpr size_t kEmailBytesMax = 320;
inline constexpr size_t kMessageIdBytesMax = 998;
inline constexpr size_t kPreviewBytesMax = 200;

class Structure;  // structure.h

// Once per process, before any other call: initialises GMime.
void Initialize();

struct Mailbox {
  std::string name;
  std::string email;
};

struct AttachmentInfo {
  std::string filename;
  std::string content_type;
  std::string content_id;
  uint64_t size = 0;  // Decoded bytes. Listed without decoding: exact for well-formed encodings.
  bool is_inline = false;  // Part of the shown body: has a Content-ID, and is inline or related.
};

struct ParsedMessage {
  std::string message_id;
  std::string in_reply_to;
  std::vector<std::string> references;
  std::optional<WallTime> date;
  std::optional<WallTime> received;  // Of the topmost Received field that has a date.
  std::vector<Mailbox> from, to, cc, bcc, reply_to;
  std::string subject;
  std::string preview;
  std::vector<AttachmentInfo> attachments;
  // Not empty: over a limit, not mail at all, or not readable. Header fields seen before that point
  // are still filled in; preview and attachments are empty.
  std::string unparsed_reason;
};

// Structure, header fields and preview. Attachments are not decoded. Every leaf that is not shown
// as text is an attachment, message/rfc822 included.
ParsedMessage ParseMessage(const ByteSource& raw);
// The same of a message whose structure is known: reads little else than the beginning of texts.
ParsedMessage ParseMessage(const ByteSource& raw, const Structure& structure);

struct MessageText {
  // The shown text/plain parts joined, format=flowed undone; HTML turned to text where it has no
  // text/plain alternative. Lines end in "\n".
  std::string text;
  std::string html;  // The first text/html body, as sent: data, never to be rendered unsanitised.
};
// Decoded bodies, each cut at `bytes_max`. What cannot be read or is over a limit is left out.
MessageText DecodeText(const ByteSource& raw, size_t bytes_max);

struct DecodedAttachment {
  AttachmentInfo info;
  std::string bytes;
};
// Number `n` counts from 1 in the order of ParsedMessage::attachments. kNotFound, or why `raw`
// cannot be read.
Result<DecodedAttachment> DecodeAttachment(const ByteSource& raw, size_t n);

}  // namespace mailhaul::mime
