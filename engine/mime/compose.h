// A message to send, made from its parts (RFC 5322, RFC 2045-2047, 2231, 2387).
//
// What comes in is hostile input of an API's client: every field is checked, and an error names the
// field ("to[2].email: ..."). What goes out is 7-bit clean with CRLF line ends and lines of at most
// 998 bytes, so that every server takes it as it is; the one exception is a non-ASCII local part,
// where the caller allows it. No value can add a field, a recipient or a part: control characters
// are refused, and what a reader could take for an encoded word is itself encoded.
//
// Thread-safe. Initialize() (message_parser.h) comes first.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::mime {

inline constexpr size_t kDraftRecipientsMax = 1'000;  // To, Cc, Bcc and Reply-To together.
inline constexpr size_t kDraftNameBytesMax = 255;     // Of a display name.
inline constexpr size_t kDraftSubjectBytesMax = 2'000;
inline constexpr size_t kDraftIdBytesMax = 900;  // Of each message id.
inline constexpr size_t kDraftReferencesMax = 1'000;
inline constexpr size_t kDraftHeadersMax = 100;         // Extra ones.
inline constexpr size_t kDraftHeaderNameBytesMax = 76;  // Folded fields stay within 78 columns.
inline constexpr size_t kDraftHeaderValueBytesMax = size_t{8} * 1024;
// All fields of the message's own header together, encoded; with those of the attachments they stay
// within kHeaderBytesMax, so that we can read what we have written.
inline constexpr size_t kDraftHeaderBytesMax = size_t{512} * 1024;
inline constexpr size_t kDraftAttachmentsMax = 100;
inline constexpr size_t kDraftFilenameBytesMax = 255;
inline constexpr size_t kDraftContentTypeBytesMax = 512;
inline constexpr size_t kDraftContentIdBytesMax = 200;
inline constexpr size_t kDraftSignatureBytesMax = size_t{16} * 1024;
// Text, HTML and attachments together, before they are encoded.
inline constexpr size_t kDraftBytesMax = size_t{50} * 1024 * 1024;

struct DraftAttachment {
  // Shown to the recipient. Slashes, backslashes and direction overrides become "_"; empty: none.
  std::string filename;
  // "type/subtype" with parameters; empty: application/octet-stream. No multipart. A message/rfc822
  // that is not 7-bit clean goes as application/octet-stream (RFC 2046, 5.2.1 lets nothing encode
  // it), as do the other message types.
  std::string content_type;
  std::string bytes;
  // Set: an image or the like of the HTML, which refers to it as "cid:...". Without angle brackets.
  std::optional<std::string> content_id;
};

struct ExtraHeader {
  std::string name;
  std::string value;  // Unstructured text.
};

struct Draft {
  std::vector<Mailbox> from;  // Exactly one.
  std::vector<Mailbox> to, cc, bcc, reply_to;
  std::string subject;
  std::string text;  // UTF-8, any line ends.
  std::string html;  // UTF-8, sent as it is; without a text it gets one made from it.
  std::vector<DraftAttachment> attachments;
  std::string in_reply_to;              // A message id, with or without angle brackets; or empty.
  std::vector<std::string> references;  // Oldest first. Of long lists some in the middle are left
                                        // out, and all that could not stand in a header.
  std::vector<ExtraHeader> headers;     // IsAllowedExtraHeader()
  std::string signature;                // Plain text below the text and, escaped, the HTML.
  std::string message_id;               // Made by the caller, unique.
  WallTime date;
  bool allow_utf8_local_parts = false;  // The caller will demand SMTPUTF8 of the server.
};

// Bytes to hand to a mail server, and for whom.
struct OutgoingMessage {
  std::string bytes;
  std::string message_id;               // Without angle brackets.
  std::string from;                     // For MAIL FROM. Domains are in their ASCII form here.
  std::vector<std::string> recipients;  // For RCPT TO, each once, those of Bcc included.
  bool needs_smtputf8 = false;
  bool needs_eight_bit_mime = false;
};

// kInvalidArgument: "FIELD: why". `random` makes the boundaries.
Result<OutgoingMessage> Compose(const Draft& draft, Random& random);

// Whether a client may set the field: not what describes the message's structure, its way or its
// authenticity, nor what Draft has a member for.
bool IsAllowedExtraHeader(std::string_view name);

// kInvalidArgument unless `id` can stand in Message-ID, In-Reply-To and References: printable ASCII
// of the form "left@right", without white space and brackets other than a pair around all of it.
Status CheckMessageId(std::string_view id);

}  // namespace mailhaul::mime
