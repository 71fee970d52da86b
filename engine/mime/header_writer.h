// Header fields as they go out (RFC 5322 section 2.2.3, RFC 2047, RFC 2231): folded at 76 columns
// where white space allows it, ASCII but for UTF-8 local parts.
//
// Values must be valid UTF-8 without control characters (draft_check.h): here nothing is refused.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::mime {

// Writes one field. Everything that is added ends up on lines of at most 998 bytes as long as each
// token has at most 900.
class FieldWriter final {
 public:
  // `out` must outlive the writer.
  FieldWriter(std::string_view name, std::string& out);
  FieldWriter(const FieldWriter&) = delete;
  FieldWriter& operator=(const FieldWriter&) = delete;
  ~FieldWriter();  // Ends the field's last line.

  // Behind a space or a fold.
  void AddToken(std::string_view token);
  // Directly behind the last token: "," and ";".
  void AddPunctuation(char c);
  void AddUnstructured(std::string_view text);
  void AddMailbox(const Mailbox& mailbox);
  // "; name=value", by RFC 2231 where quoting would not do.
  void AddParameter(std::string_view name, std::string_view value);

 private:
  void Fold();
  void Put(std::string_view text);
  void AddEncodedWords(std::string_view text);

  std::string& out_;
  size_t column_ = 0;
  bool at_start_ = true;  // Nothing but the field's name yet.
};

void AppendUnstructuredField(std::string_view name, std::string_view text, std::string& out);
void AppendMailboxField(std::string_view name, std::span<const Mailbox> mailboxes,
                        std::string& out);
// Ids without brackets.
void AppendIdField(std::string_view name, std::span<const std::string> ids, std::string& out);
void AppendDateField(WallTime date, std::string& out);

// RFC 2045 section 5.1.
bool IsMimeToken(std::string_view text);

}  // namespace mailhaul::mime
