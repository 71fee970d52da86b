// RFC 5322 and MIME (RFC 2045-2049, 2231) through GMime, with limits in front of it.
//
// Mail is hostile input. A linear pre-scan counts header bytes, boundaries and depth first; a
// message beyond the limits is reported as unparsed with the reason, and never reaches GMime. Every
// text that leaves is valid UTF-8. Thread-safe; no state between calls.
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
inline constexpr size_t kAddressesMax = 10'000;  // Per field; the rest is dropped.
inline constexpr size_t kPreviewBytesMax = 200;

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
  uint64_t size = 0;  // Decoded bytes.
};

struct ParsedMessage {
  std::string message_id;
  std::string in_reply_to;
  std::vector<std::string> references;
  std::optional<WallTime> date;
  std::vector<Mailbox> from, to, cc, bcc, reply_to;
  std::string subject;
  std::string preview;
  std::vector<AttachmentInfo> attachments;
  std::string unparsed_reason;  // Not empty: over a limit or not mail at all; the rest may be empty.
};

// Structure, header fields and preview. Attachments are not decoded.
ParsedMessage ParseMessage(const ByteSource& raw);

struct MessageText {
  std::string text;  // text/plain parts joined, or derived from HTML when there is none.
  std::string html;  // The first text/html body, as sent: data, never to be rendered unsanitised.
};
// Decoded bodies, each cut at `bytes_max`.
MessageText DecodeText(const ByteSource& raw, size_t bytes_max);

struct DecodedAttachment {
  AttachmentInfo info;
  std::string bytes;
};
// Number `n` counts from 1 in MIME order. kNotFound.
Result<DecodedAttachment> DecodeAttachment(const ByteSource& raw, size_t n);

}  // namespace mailhaul::mime
