// What is known of a message from its own bytes, as stored and listed: a FlatBuffers record
// (schema/message.fbs), verified on every read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mailhaul::store {

inline constexpr size_t kContentBytesMax = 48 * 1024;
inline constexpr size_t kContentTextBytesMax = 8 * 1024;

struct Address {
  std::string name;   // Decoded, UTF-8.
  std::string email;  // As written, without comments.
  friend bool operator==(const Address&, const Address&) = default;
};

struct Attachment {
  std::string filename;      // Decoded; data, never a path.
  std::string content_type;  // "image/png", lower case.
  std::string content_id;    // Without angle brackets.
  uint64_t size = 0;         // Decoded bytes.
  friend bool operator==(const Attachment&, const Attachment&) = default;
};

struct MessageContent {
  std::string message_id;  // Without angle brackets.
  std::string in_reply_to;
  std::vector<std::string> references;
  WallTime date{};  // The Date field; 0 when absent or unreadable.
  std::vector<Address> from, to, cc, bcc, reply_to;
  std::string subject;  // Decoded.
  std::string preview;  // First words of the text, white space folded, at most 200 bytes.
  std::vector<Attachment> attachments;  // In MIME order: number n of HTTP is the index plus 1.
  bool has_attachment = false;
  std::string unparsed_reason;  // Not empty: stored raw only, and why.
};

// The record, at most kContentBytesMax long. Every text is cut to its first kContentTextBytesMax
// bytes, then the longest lists are cut at their end until all fits: the raw message has the rest.
std::string EncodeContent(const MessageContent& content);
// kCorrupt when `record` is not a valid record.
Result<MessageContent> DecodeContent(std::string_view record);

}  // namespace mailhaul::store
