#include "engine/mime/compose.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "base/text.h"
#include "connectors/smtp/address.h"
#include "engine/mime/body_encoder.h"
#include "engine/mime/draft_check.h"
#include "engine/mime/header_writer.h"
#include "engine/mime/html_text.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kBoundaryRandomBytes = 16;
constexpr std::string_view kSignatureMark = "-- \n";  // Readers know it (RFC 3676, 4.3).
constexpr std::string_view kOctets = "application/octet-stream";

std::string WithTextSignature(std::string_view text, std::string_view signature) {
  std::string whole = WithPlainLineEnds(text);
  if (signature.empty()) {
    return whole;
  }
  if (!whole.empty() && whole.back() != '\n') {
    whole += '\n';
  }
  whole += whole.empty() ? "" : "\n";
  whole += kSignatureMark;
  return whole += WithPlainLineEnds(signature);
}

std::string EscapedHtml(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\n':
        html += "<br>\n";
        break;
      default:
        html += c;
    }
  }
  return html;
}

// Before the end of the body, if it is marked.
std::string WithHtmlSignature(std::string_view html, std::string_view signature) {
  std::string whole(html);
  if (signature.empty()) {
    return whole;
  }
  const size_t end = std::min(AsciiLowered(html).rfind("</body"), html.size());
  return whole.insert(end, "<div><br>\n" + EscapedHtml(kSignatureMark) +
                               EscapedHtml(WithPlainLineEnds(signature)) + "</div>\n");
}

class Composer final {
 public:
  Composer(const Draft& draft, const CheckedDraft& checked, Random& random)
      : draft_(draft), checked_(checked), random_(random) {}

  Result<std::string> Run() {
    AppendHeader();
    if (out_.size() > kDraftHeaderBytesMax) {
      return Status(Code::kInvalidArgument, "headers: the message's header is longer than " +
                                                std::to_string(kDraftHeaderBytesMax) + " bytes");
    }
    std::vector<size_t> inlined;
    std::vector<size_t> attached;
    for (size_t i = 0; i < draft_.attachments.size(); ++i) {
      // Without HTML nothing can refer to it.
      const bool is_inline = draft_.attachments[i].content_id.has_value() && !draft_.html.empty();
      (is_inline ? inlined : attached).push_back(i);
    }
    if (attached.empty()) {
      AppendBodies(inlined);
      return std::move(out_);
    }
    const std::string boundary = BeginMultipart("mixed", "");
    Open(boundary);
    AppendBodies(inlined);
    for (const size_t i : attached) {
      Open(boundary);
      AppendAttachment(i);
    }
    Close(boundary);
    return std::move(out_);
  }

 private:
  void AppendHeader() {
    AppendDateField(draft_.date, out_);
    AppendMailboxField("From", checked_.from, out_);
    AppendMailboxField("Reply-To", checked_.reply_to, out_);
    AppendMailboxField("To", checked_.to, out_);
    AppendMailboxField("Cc", checked_.cc, out_);
    AppendUnstructuredField("Subject", draft_.subject, out_);
    AppendIdField("Message-ID", std::span(&checked_.message_id, 1), out_);
    if (!checked_.in_reply_to.empty()) {
      AppendIdField("In-Reply-To", std::span(&checked_.in_reply_to, 1), out_);
    }
    AppendIdField("References", checked_.references, out_);
    for (const ExtraHeader& header : draft_.headers) {
      AppendUnstructuredField(header.name, header.value, out_);
    }
    out_ += "MIME-Version: 1.0\r\n";
  }

  void AppendBodies(std::span<const size_t> inlined) {
    if (draft_.html.empty()) {
      AppendTextPart("text/plain", WithTextSignature(draft_.text, draft_.signature));
      return;
    }
    const std::string html = WithHtmlSignature(draft_.html, draft_.signature);
    const std::string boundary = BeginMultipart("alternative", "");
    Open(boundary);
    AppendTextPart("text/plain", draft_.text.empty()
                                     ? HtmlToText(html, html.size())
                                     : WithTextSignature(draft_.text, draft_.signature));
    Open(boundary);
    if (inlined.empty()) {
      AppendTextPart("text/html", html);
    } else {
      AppendRelated(html, inlined);
    }
    Close(boundary);
  }

  void AppendRelated(std::string_view html, std::span<const size_t> inlined) {
    const std::string boundary = BeginMultipart("related", "text/html");
    Open(boundary);
    AppendTextPart("text/html", html);
    for (const size_t i : inlined) {
      Open(boundary);
      AppendAttachment(i);
    }
    Close(boundary);
  }

  void AppendTextPart(std::string_view type, std::string_view text) {
    {
      FieldWriter field("Content-Type", out_);
      field.AddToken(type);
      field.AddParameter("charset", "utf-8");
    }
    AppendText(text, out_);
  }

  void AppendAttachment(size_t i) {
    const DraftAttachment& given = draft_.attachments[i];
    const CheckedDraft::Attachment& checked = checked_.attachments[i];
    const bool is_message = checked.content_type.starts_with("message/");
    const bool is_clean = checked.content_type == "message/rfc822" && IsCleanMessage(given.bytes);
    {
      FieldWriter field("Content-Type", out_);
      field.AddToken(is_message && !is_clean ? kOctets : checked.content_type);
      for (const auto& [name, value] : checked.parameters) {
        field.AddParameter(name, value);
      }
    }
    {
      FieldWriter field("Content-Disposition", out_);
      field.AddToken(given.content_id.has_value() && !draft_.html.empty() ? "inline"
                                                                          : "attachment");
      if (!checked.filename.empty()) {
        field.AddParameter("filename", checked.filename);
      }
    }
    if (given.content_id.has_value()) {
      AppendIdField("Content-ID", std::span(&*given.content_id, 1), out_);
    }
    if (is_clean) {
      AppendCleanMessage(given.bytes, out_);
    } else {
      AppendBase64(given.bytes, out_);
    }
  }

  std::string BeginMultipart(std::string_view subtype, std::string_view root_type) {
    std::array<unsigned char, kBoundaryRandomBytes> bytes = {};
    random_.Fill(bytes);
    const std::string boundary =
        std::string(kBoundaryPrefix) +
        HexEncode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    FieldWriter field("Content-Type", out_);
    field.AddToken("multipart/" + std::string(subtype));
    field.AddParameter("boundary", boundary);
    if (!root_type.empty()) {
      field.AddParameter("type", root_type);  // RFC 2387, 3.1
    }
    return boundary;
  }

  // The line end before a boundary belongs to it (RFC 2046, 5.1.1).
  void Open(std::string_view boundary) { out_ += "\r\n--" + std::string(boundary) + "\r\n"; }
  void Close(std::string_view boundary) { out_ += "\r\n--" + std::string(boundary) + "--\r\n"; }

  const Draft& draft_;
  const CheckedDraft& checked_;
  Random& random_;
  std::string out_;
};

void AddRecipients(std::span<const Mailbox> mailboxes, OutgoingMessage& message) {
  for (const Mailbox& mailbox : mailboxes) {
    message.needs_smtputf8 = message.needs_smtputf8 || smtp::HasNonAscii(mailbox.email);
    if (std::find(message.recipients.begin(), message.recipients.end(), mailbox.email) ==
        message.recipients.end()) {
      message.recipients.push_back(mailbox.email);
    }
  }
}

}  // namespace

Result<OutgoingMessage> Compose(const Draft& draft, Random& random) {
  MH_ASSIGN_OR_RETURN(const CheckedDraft checked, CheckDraft(draft));
  OutgoingMessage message;
  message.message_id = checked.message_id;
  message.from = checked.from.front().email;
  message.needs_smtputf8 = smtp::HasNonAscii(message.from);
  AddRecipients(checked.reply_to, message);
  message.recipients.clear();
  AddRecipients(checked.to, message);
  AddRecipients(checked.cc, message);
  AddRecipients(checked.bcc, message);
  MH_ASSIGN_OR_RETURN(message.bytes, Composer(draft, checked, random).Run());
  return message;
}

}  // namespace mailhaul::mime
