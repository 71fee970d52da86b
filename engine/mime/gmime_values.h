// Header values through GMime, whose types stay in gmime_values.cc.
//
// Every function takes a raw value as it stands in a message (folds, any bytes, any length), looks
// at a bounded prefix of it, and returns valid UTF-8 without control characters. Raw 8-bit text
// that is not UTF-8 is read as windows-1252, or as the charset in `hint` when there is one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::mime {

// Of what is read; longer values are cut.
inline constexpr size_t kCharsetNameBytesMax = 64;
inline constexpr size_t kTypeBytesMax = 127;  // RFC 6838, 4.2: each half.

struct ContentType {
  std::string type;     // Lower case: "text".
  std::string subtype;  // Lower case: "plain".
  std::string boundary;
  std::string charset;
  std::string name;
  bool is_flowed = false;       // format=flowed, RFC 3676.
  bool deletes_spaces = false;  // delsp=yes.

  bool Is(std::string_view t, std::string_view s) const { return type == t && subtype == s; }
};
// Absent or unreadable: text/plain, in a multipart/digest message/rfc822 (RFC 2046, 5.1.5).
ContentType ParseContentType(std::string_view raw, bool in_digest);

struct ContentDisposition {
  std::string kind;      // Lower case: "attachment", "inline"; empty when absent.
  std::string filename;  // Decoded by RFC 2231 or, against the rules but common, RFC 2047.
};
ContentDisposition ParseContentDisposition(std::string_view raw, std::string_view hint);

// Unstructured text with encoded words (RFC 2047).
std::string DecodeUnstructured(std::string_view raw, std::string_view hint);

// Appends the mailboxes, those of groups included, until `mailboxes` holds kAddressesMax.
void AppendMailboxes(std::string_view raw, std::string_view hint, std::vector<Mailbox>& mailboxes);

// nullopt when there is no telling.
std::optional<WallTime> ParseDate(std::string_view raw);

// The same by GMime alone: what the readers in plain_values.h have to agree with. For those that
// test it; they are several times slower for common values.
ContentType ParseContentTypeWithGMime(std::string_view raw, bool in_digest);
ContentDisposition ParseContentDispositionWithGMime(std::string_view raw, std::string_view hint);
void AppendMailboxesWithGMime(std::string_view raw, std::string_view hint,
                              std::vector<Mailbox>& mailboxes);
std::optional<WallTime> ParseDateWithGMime(std::string_view raw);

}  // namespace mailhaul::mime
