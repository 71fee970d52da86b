#include "engine/mime/draft_check.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "connectors/net/host_name.h"
#include "connectors/smtp/address.h"
#include "engine/mime/header_writer.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kShownBytesMax = 80;
constexpr size_t kTypeBytesMax = 127;  // RFC 6838, 4.2: each half.
constexpr size_t kParametersMax = 10;
constexpr size_t kReferencesBytesMax = size_t{8} * 1024;  // Of the ids that are written.

// What Draft has members for, and what a mail system says about a message rather than its author.
constexpr std::array<std::string_view, 24> kOwnedHeaders = {"from",
                                                            "to",
                                                            "cc",
                                                            "bcc",
                                                            "date",
                                                            "message-id",
                                                            "subject",
                                                            "reply-to",
                                                            "in-reply-to",
                                                            "references",
                                                            "mime-version",
                                                            "received",
                                                            "sender",
                                                            "return-path",
                                                            "delivered-to",
                                                            "envelope-to",
                                                            "apparently-to",
                                                            "x-original-to",
                                                            "x-envelope-from",
                                                            "x-envelope-to",
                                                            "authentication-results",
                                                            "status",
                                                            "x-status",
                                                            "x-uid"};
constexpr std::array<std::string_view, 6> kOwnedPrefixes = {"content-", "resent-",    "received-",
                                                            "dkim-",    "domainkey-", "arc-"};

Status Invalid(std::string_view path, std::string_view why) {
  return {Code::kInvalidArgument, std::string(path) + ": " + std::string(why)};
}

Status TooLong(std::string_view path, size_t bytes_max) {
  return Invalid(path, "longer than " + std::to_string(bytes_max) + " bytes");
}

std::string Indexed(std::string_view path, size_t i) {
  return std::string(path) + "[" + std::to_string(i) + "]";
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// A value that stands on one line of a header.
Status CheckLine(std::string_view path, std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return TooLong(path, bytes_max);
  }
  if (!IsValidUtf8(text)) {
    return Invalid(path, "not UTF-8");
  }
  if (std::any_of(text.begin(), text.end(), &IsControl) || HasUnicodeControl(text)) {
    return Invalid(path, "control characters and line ends are not allowed here");
  }
  return {};
}

Status CheckBody(std::string_view path, std::string_view text) {
  if (!IsValidUtf8(text)) {
    return Invalid(path, "not UTF-8");
  }
  if (text.find('\0') != std::string_view::npos) {
    return Invalid(path, "holds a NUL character");
  }
  return {};
}

Result<std::vector<Mailbox>> CheckMailboxes(std::string_view path, std::span<const Mailbox> given,
                                            bool allow_utf8_local_parts) {
  std::vector<Mailbox> mailboxes;
  mailboxes.reserve(given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string here = Indexed(path, i);
    MH_RETURN_IF_ERROR(CheckLine(here + ".name", given[i].name, kDraftNameBytesMax));
    Result<std::string> email = CheckedEmail(given[i].email, allow_utf8_local_parts);
    if (!email.ok()) {
      return Invalid(here + ".email", email.status().message());
    }
    // Blanks alone are no name.
    const bool named = given[i].name.find_first_not_of(' ') != std::string::npos;
    mailboxes.push_back({named ? given[i].name : std::string(), *std::move(email)});
  }
  return mailboxes;
}

Status CheckRecipients(const Draft& draft, CheckedDraft& checked) {
  const bool utf8 = draft.allow_utf8_local_parts;
  if (draft.from.size() != 1) {
    return Invalid("from", "takes exactly one address");
  }
  const size_t recipients = draft.to.size() + draft.cc.size() + draft.bcc.size();
  if (recipients == 0) {
    return Invalid("to", "at least one recipient is needed in to, cc or bcc");
  }
  if (recipients + draft.reply_to.size() > kDraftRecipientsMax) {
    return Invalid("to", "more than " + std::to_string(kDraftRecipientsMax) +
                             " addresses in to, cc, bcc and reply_to together");
  }
  MH_ASSIGN_OR_RETURN(checked.from, CheckMailboxes("from", draft.from, utf8));
  MH_ASSIGN_OR_RETURN(checked.to, CheckMailboxes("to", draft.to, utf8));
  MH_ASSIGN_OR_RETURN(checked.cc, CheckMailboxes("cc", draft.cc, utf8));
  MH_ASSIGN_OR_RETURN(checked.bcc, CheckMailboxes("bcc", draft.bcc, utf8));
  MH_ASSIGN_OR_RETURN(checked.reply_to, CheckMailboxes("reply_to", draft.reply_to, utf8));
  return {};
}

// The first names the thread and the last its parents: what does not fit is left out between them.
std::vector<std::string> WritableReferences(std::span<const std::string> given) {
  std::vector<std::string> ids;
  for (const std::string& id : given) {
    if (CheckMessageId(id).ok()) {
      ids.emplace_back(WithoutBrackets(id));
    }
  }
  size_t bytes = ids.empty() ? 0 : ids.front().size();
  size_t kept = 0;  // At the end.
  while (kept + 1 < ids.size() &&
         bytes + ids[ids.size() - 1 - kept].size() <= kReferencesBytesMax) {
    bytes += ids[ids.size() - 1 - kept].size();
    ++kept;
  }
  if (!ids.empty()) {
    ids.erase(ids.begin() + 1, ids.end() - static_cast<ptrdiff_t>(kept));
  }
  return ids;
}

Status CheckIds(const Draft& draft, CheckedDraft& checked) {
  MH_RETURN_IF_ERROR(CheckMessageId(draft.message_id).WithContext("message_id"));
  checked.message_id = WithoutBrackets(draft.message_id);
  if (!draft.in_reply_to.empty()) {
    MH_RETURN_IF_ERROR(CheckMessageId(draft.in_reply_to).WithContext("in_reply_to"));
    checked.in_reply_to = WithoutBrackets(draft.in_reply_to);
  }
  if (draft.references.size() > kDraftReferencesMax) {
    return Invalid("references", "more than " + std::to_string(kDraftReferencesMax) + " ids");
  }
  checked.references = WritableReferences(draft.references);
  return {};
}

Status CheckHeaders(const Draft& draft) {
  if (draft.headers.size() > kDraftHeadersMax) {
    return Invalid("headers", "more than " + std::to_string(kDraftHeadersMax) + " fields");
  }
  for (size_t i = 0; i < draft.headers.size(); ++i) {
    const std::string here = Indexed("headers", i);
    const ExtraHeader& header = draft.headers[i];
    if (!IsAllowedExtraHeader(header.name)) {
      return Invalid(here + ".name", "\"" + EscapeForLog(header.name, kShownBytesMax) +
                                         "\" is not a field that a client may set");
    }
    MH_RETURN_IF_ERROR(CheckLine(here + ".value", header.value, kDraftHeaderValueBytesMax));
  }
  return {};
}

// "/" and "\" make paths, and direction overrides make "exe.txt" of "txt.exe".
std::string SafeFilename(std::string_view given) {
  std::string safe;
  for (size_t i = 0; i < given.size(); ++i) {
    const std::string_view three = given.substr(i, 3);
    const bool overrides = (three >= "\xE2\x80\xAA" && three <= "\xE2\x80\xAE") ||
                           (three >= "\xE2\x81\xA6" && three <= "\xE2\x81\xA9");
    if (overrides && three.size() == 3) {
      safe += '_';
      i += 2;
    } else {
      safe += given[i] == '/' || given[i] == '\\' ? '_' : given[i];
    }
  }
  return safe == "." || safe == ".." ? "_" : safe;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

// "name=value" with a token or a quoted string without escapes.
Status TakeParameter(std::string_view path, std::string_view text, CheckedDraft::Attachment& to) {
  const size_t equals = text.find('=');
  const std::string name = AsciiLowered(text.substr(0, equals));
  std::string_view value = equals == std::string_view::npos ? "" : text.substr(equals + 1);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  } else if (!IsMimeToken(value)) {
    return Invalid(path, "malformed parameter");
  }
  if (!IsMimeToken(name) || name.find('*') != std::string::npos || name.size() > kTypeBytesMax ||
      value.find_first_of("\"\\") != std::string_view::npos) {
    return Invalid(path, "malformed parameter");
  }
  if (name == "boundary" || name == "name" || name == "filename") {
    return Invalid(path, "the parameter \"" + name + "\" is not allowed");
  }
  if (to.parameters.size() == kParametersMax ||
      std::any_of(to.parameters.begin(), to.parameters.end(),
                  [&name](const auto& known) { return known.first == name; })) {
    return Invalid(path, "repeated or too many parameters");
  }
  to.parameters.emplace_back(name, value);
  return {};
}

// A ";" inside a quoted value is not followed: such values are refused as malformed.
Status TakeContentType(std::string_view path, std::string_view text, CheckedDraft::Attachment& to) {
  MH_RETURN_IF_ERROR(CheckLine(path, text, kDraftContentTypeBytesMax));
  const size_t semicolon = std::min(text.find(';'), text.size());
  to.content_type = AsciiLowered(Trimmed(text.substr(0, semicolon)));
  const size_t slash = std::min(to.content_type.find('/'), to.content_type.size());
  const std::string type = to.content_type.substr(0, slash);
  const std::string subtype = to.content_type.substr(std::min(slash + 1, to.content_type.size()));
  if (!IsMimeToken(type) || !IsMimeToken(subtype) || type.size() > kTypeBytesMax ||
      subtype.size() > kTypeBytesMax) {
    return Invalid(path, "not of the form \"type/subtype\"");
  }
  if (type == "multipart") {
    return Invalid(path, "an attachment cannot be a multipart");
  }
  text.remove_prefix(semicolon);
  while (!text.empty()) {
    text.remove_prefix(1);
    const size_t next = std::min(text.find(';'), text.size());
    MH_RETURN_IF_ERROR(TakeParameter(path, Trimmed(text.substr(0, next)), to));
    text.remove_prefix(next);
  }
  return {};
}

bool IsContentId(std::string_view id) {
  return !id.empty() && id.size() <= kDraftContentIdBytesMax &&
         id.find("=?") == std::string_view::npos && std::all_of(id.begin(), id.end(), [](char c) {
           return c > ' ' && c < 0x7F &&
                  std::string_view("()<>[],;:\\\"").find(c) == std::string_view::npos;
         });
}

Status CheckAttachments(const Draft& draft, CheckedDraft& checked) {
  if (draft.attachments.size() > kDraftAttachmentsMax) {
    return Invalid("attachments", "more than " + std::to_string(kDraftAttachmentsMax));
  }
  std::vector<std::string_view> content_ids;
  for (size_t i = 0; i < draft.attachments.size(); ++i) {
    const DraftAttachment& given = draft.attachments[i];
    const std::string here = Indexed("attachments", i);
    MH_RETURN_IF_ERROR(CheckLine(here + ".filename", given.filename, kDraftFilenameBytesMax));
    CheckedDraft::Attachment attachment;
    attachment.filename = SafeFilename(given.filename);
    MH_RETURN_IF_ERROR(TakeContentType(
        here + ".content_type",
        given.content_type.empty() ? "application/octet-stream" : given.content_type, attachment));
    checked.attachments.push_back(std::move(attachment));
    if (!given.content_id.has_value()) {
      continue;
    }
    if (!IsContentId(*given.content_id)) {
      return Invalid(here + ".content_id",
                     "must be printable ASCII without white space, brackets and quotes");
    }
    if (std::find(content_ids.begin(), content_ids.end(), *given.content_id) != content_ids.end()) {
      return Invalid(here + ".content_id", "used by an earlier attachment");
    }
    content_ids.emplace_back(*given.content_id);
  }
  return {};
}

Status CheckBodies(const Draft& draft) {
  size_t bytes = draft.text.size() + draft.html.size();
  for (const DraftAttachment& attachment : draft.attachments) {
    bytes += attachment.bytes.size();
  }
  if (bytes > kDraftBytesMax) {
    return Invalid("attachments", "text, html and attachments are together longer than " +
                                      std::to_string(kDraftBytesMax) + " bytes");
  }
  MH_RETURN_IF_ERROR(CheckBody("text", draft.text));
  MH_RETURN_IF_ERROR(CheckBody("html", draft.html));
  if (draft.signature.size() > kDraftSignatureBytesMax) {
    return TooLong("signature", kDraftSignatureBytesMax);
  }
  return CheckBody("signature", draft.signature);
}

}  // namespace

bool HasUnicodeControl(std::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const auto next = static_cast<unsigned char>(text[i + 1]);
    if (text[i] == '\xC2' && next < 0xA0) {
      return true;
    }
    if (text.substr(i, 3) == "\xE2\x80\xA8" || text.substr(i, 3) == "\xE2\x80\xA9") {
      return true;
    }
  }
  return false;
}

std::string_view WithoutBrackets(std::string_view id) {
  const bool bracketed = id.size() >= 2 && id.front() == '<' && id.back() == '>';
  return bracketed ? id.substr(1, id.size() - 2) : id;
}

Status CheckMessageId(std::string_view id) {
  id = WithoutBrackets(id);
  if (id.size() > kDraftIdBytesMax) {
    return {Code::kInvalidArgument, "longer than " + std::to_string(kDraftIdBytesMax) + " bytes"};
  }
  const bool printable = std::all_of(id.begin(), id.end(), [](char c) {
    return c > ' ' && c < 0x7F && std::string_view("<>()\\,;\"").find(c) == std::string_view::npos;
  });
  const size_t at = id.find('@');
  if (!printable || at == std::string_view::npos || at == 0 || at + 1 == id.size() ||
      id.find("=?") != std::string_view::npos) {
    return {Code::kInvalidArgument, "not a message id of the form \"left@right\""};
  }
  return {};
}

bool IsAllowedExtraHeader(std::string_view name) {
  const bool is_name =
      !name.empty() && name.size() <= kDraftHeaderNameBytesMax &&
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
  return is_name &&
         std::none_of(kOwnedHeaders.begin(), kOwnedHeaders.end(),
                      [name](auto owned) { return EqualsIgnoreCase(name, owned); }) &&
         std::none_of(kOwnedPrefixes.begin(), kOwnedPrefixes.end(),
                      [name](auto prefix) { return StartsWithIgnoreCase(name, prefix); });
}

Result<std::string> CheckedEmail(std::string_view email, bool allow_utf8_local_part) {
  MH_RETURN_IF_ERROR(smtp::CheckMailbox(email));
  const size_t at = email.rfind('@');
  const std::string local(email.substr(0, at));
  std::string domain(email.substr(at + 1));
  if (local.find("=?") != std::string::npos) {
    return Status(Code::kInvalidArgument, "the part before the @ looks like an encoded word");
  }
  if (smtp::HasNonAscii(local) && !allow_utf8_local_part) {
    return Status(Code::kInvalidArgument,
                  "the part before the @ is not ASCII, which few mail servers take");
  }
  if (!smtp::HasNonAscii(domain)) {
    return local + "@" + domain;
  }
  MH_ASSIGN_OR_RETURN(domain, net::CanonicalHost(domain));
  if (!net::IsCanonicalName(domain)) {  // Full-width digits, for one, become an IP address.
    return Status(Code::kInvalidArgument, "the part behind the @ is not a domain");
  }
  std::string ascii = local + "@" + domain;
  MH_RETURN_IF_ERROR(smtp::CheckMailbox(ascii));  // It may have become too long.
  return ascii;
}

Result<CheckedDraft> CheckDraft(const Draft& draft) {
  CheckedDraft checked;
  MH_RETURN_IF_ERROR(CheckRecipients(draft, checked));
  MH_RETURN_IF_ERROR(CheckLine("subject", draft.subject, kDraftSubjectBytesMax));
  MH_RETURN_IF_ERROR(CheckIds(draft, checked));
  MH_RETURN_IF_ERROR(CheckHeaders(draft));
  MH_RETURN_IF_ERROR(CheckAttachments(draft, checked));
  MH_RETURN_IF_ERROR(CheckBodies(draft));
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(draft.date));
  if (day.year() < std::chrono::year(1970) || day.year() > std::chrono::year(9999)) {
    return Invalid("date", "not between the years 1970 and 9999");
  }
  return checked;
}

}  // namespace mailhaul::mime
