// What a client may put into a draft. Every refusal is kInvalidArgument with the field's path.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/mime/compose.h"

namespace mailhaul::mime {

using ContentTypeParameters = std::vector<std::pair<std::string, std::string>>;

// A draft's small fields in the form in which they are written.
struct CheckedDraft {
  std::vector<Mailbox> from, to, cc, bcc, reply_to;  // Domains in their ASCII form.
  std::string message_id;                            // Ids without angle brackets.
  std::string in_reply_to;
  std::vector<std::string> references;
  struct Attachment {
    std::string filename;
    std::string content_type;  // Lower case, without parameters.
    ContentTypeParameters parameters;
  };
  std::vector<Attachment> attachments;  // As many as the draft has, in its order.
};
Result<CheckedDraft> CheckDraft(const Draft& draft);

// The address with its domain in ASCII form. Non-ASCII local parts only if asked for.
Result<std::string> CheckedEmail(std::string_view email, bool allow_utf8_local_part);

// U+0080 to U+009F, U+2028 and U+2029: line ends to some readers. `text` is valid UTF-8.
bool HasUnicodeControl(std::string_view text);

// Without the pair of angle brackets around it, if there is one.
std::string_view WithoutBrackets(std::string_view id);

}  // namespace mailhaul::mime
