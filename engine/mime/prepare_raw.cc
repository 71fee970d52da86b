#include "engine/mime/prepare_raw.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/text.h"
#include "connectors/smtp/address.h"
#include "connectors/smtp/data_encoder.h"
#include "engine/mime/address_items.h"
#include "engine/mime/draft_check.h"
#include "engine/mime/gmime_values.h"
#include "engine/mime/header_writer.h"
#include "engine/mime/headers.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kShownBytesMax = 80;

// RFC 5322, 3.6 and RFC 2045, 3: at most one of each.
constexpr std::array<std::string_view, 17> kSingleFields = {"date",
                                                            "from",
                                                            "sender",
                                                            "reply-to",
                                                            "to",
                                                            "cc",
                                                            "bcc",
                                                            "subject",
                                                            "message-id",
                                                            "in-reply-to",
                                                            "references",
                                                            "mime-version",
                                                            "content-type",
                                                            "content-transfer-encoding",
                                                            "content-disposition",
                                                            "content-id",
                                                            "return-path"};

struct Field {
  std::string_view name;
  std::string_view value;  // Folds included, without the last line end.
  std::string_view whole;  // With its line ends.
};

Status Invalid(std::string_view why) {
  return {Code::kInvalidArgument, "message: " + std::string(why)};
}

Status InvalidField(std::string_view name, std::string_view why) {
  return {Code::kInvalidArgument, "message." + std::string(name) + ": " + std::string(why)};
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

bool IsFieldName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

// Control characters other than tabs; line ends are not looked at here.
bool HasControl(std::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
}

Status CheckHeaderLine(std::string_view line, bool has_field) {
  const std::string shown = "\"" + EscapeForLog(line, kShownBytesMax) + "\"";
  if (HasControl(line)) {
    return Invalid("a control character in the header line " + shown);
  }
  if (!IsValidUtf8(line) || HasUnicodeControl(line)) {
    return Invalid("the header line " + shown + " is not UTF-8, or holds an unusual line end");
  }
  if (!IsBlank(line.front())) {
    const size_t colon = line.find(':');
    return colon != std::string_view::npos && IsFieldName(line.substr(0, colon))
               ? Status()
               : Invalid("the header line " + shown + " is not a field");
  }
  if (!has_field || std::all_of(line.begin(), line.end(), &IsBlank)) {
    return Invalid("the header line " + shown + " continues no field");
  }
  return {};
}

// The fields of `text`, whose lines all end in CRLF, and in `*header_bytes` where they end.
Result<std::vector<Field>> SplitHeader(std::string_view text, size_t* header_bytes) {
  std::vector<Field> fields;
  size_t offset = 0;
  while (offset < text.size() && text.substr(offset, 2) != "\r\n") {
    const size_t next = text.find("\r\n", offset) + 2;
    if (next > kRawHeaderBytesMax) {
      return Invalid("a header of more than " + std::to_string(kRawHeaderBytesMax) + " bytes");
    }
    const std::string_view line = text.substr(offset, next - 2 - offset);
    MH_RETURN_IF_ERROR(CheckHeaderLine(line, !fields.empty()));
    if (!IsBlank(line.front())) {
      if (fields.size() == kRawHeaderFieldsMax) {
        return Invalid("more than " + std::to_string(kRawHeaderFieldsMax) + " header fields");
      }
      const size_t colon = line.find(':');
      fields.push_back(
          {line.substr(0, colon), line.substr(colon + 1), text.substr(offset, next - offset)});
    } else {
      Field& field = fields.back();
      field.whole = {field.whole.data(),
                     static_cast<size_t>(text.data() + next - field.whole.data())};
      field.value = {field.value.data(),
                     static_cast<size_t>(text.data() + next - 2 - field.value.data())};
    }
    offset = next;
  }
  *header_bytes = offset;
  return fields;
}

const Field* Find(std::span<const Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [name](const Field& field) {
    return EqualsIgnoreCase(field.name, name);
  });
  return found == fields.end() ? nullptr : &*found;
}

Status CheckFields(std::span<const Field> fields) {
  for (const Field& field : fields) {
    if (StartsWithIgnoreCase(field.name, "resent-")) {
      return InvalidField(field.name, "messages cannot be resent here");
    }
  }
  for (const std::string_view name : kSingleFields) {
    const auto count = std::count_if(fields.begin(), fields.end(), [name](const Field& field) {
      return EqualsIgnoreCase(field.name, name);
    });
    if (count > 1) {
      return InvalidField(name, "more than one such field");
    }
  }
  return Find(fields, "from") == nullptr ? InvalidField("from", "is missing") : Status();
}

// Every mailbox of the field `name`, if there is one, each fit for an envelope.
Result<std::vector<std::string>> Emails(std::span<const Field> fields, std::string_view name,
                                        const RawOptions& options) {
  std::vector<std::string> emails;
  const Field* field = Find(fields, name);
  if (field == nullptr) {
    return emails;
  }
  std::vector<Mailbox> mailboxes;
  AppendMailboxes(field->value, "utf-8", mailboxes);
  if (mailboxes.size() > kDraftRecipientsMax) {
    return InvalidField(name, "more than " + std::to_string(kDraftRecipientsMax) + " addresses");
  }
  if (mailboxes.size() != CountAddressItems(field->value)) {
    return InvalidField(name, "holds an address that cannot be read");
  }
  for (const Mailbox& mailbox : mailboxes) {
    Result<std::string> email = CheckedEmail(mailbox.email, options.allow_utf8_local_parts);
    if (!email.ok()) {
      return InvalidField(name, email.status().message());
    }
    emails.push_back(*std::move(email));
  }
  return emails;
}

Status FillEnvelope(std::span<const Field> fields, const RawOptions& options,
                    OutgoingMessage& message) {
  MH_ASSIGN_OR_RETURN(std::vector<std::string> from, Emails(fields, "from", options));
  MH_ASSIGN_OR_RETURN(std::vector<std::string> sender, Emails(fields, "sender", options));
  if (from.empty()) {
    return InvalidField("from", "holds no address");
  }
  if (from.size() > 1 && sender.size() != 1) {
    return InvalidField("sender", "must name who of several in From sends the message");
  }
  message.from = from.size() > 1 ? sender.front() : from.front();
  for (const std::string_view name : {"to", "cc", "bcc"}) {
    MH_ASSIGN_OR_RETURN(std::vector<std::string> emails, Emails(fields, name, options));
    for (std::string& email : emails) {
      if (std::find(message.recipients.begin(), message.recipients.end(), email) ==
          message.recipients.end()) {
        message.recipients.push_back(std::move(email));
      }
    }
  }
  if (message.recipients.empty()) {
    return InvalidField("to", "at least one recipient is needed in To, Cc or Bcc");
  }
  if (message.recipients.size() > kDraftRecipientsMax) {
    return InvalidField("to", "more than " + std::to_string(kDraftRecipientsMax) + " recipients");
  }
  return {};
}

// The fields that are missing.
Result<std::string> AddedFields(std::span<const Field> fields, const RawOptions& options,
                                OutgoingMessage& message) {
  std::string added;
  const Field* date = Find(fields, "date");
  if (date == nullptr) {
    AppendDateField(options.date, added);
  } else if (!ParseDate(date->value).has_value()) {
    return InvalidField("date", "not a date");
  }
  const Field* id = Find(fields, "message-id");
  const std::string own = id == nullptr ? options.message_id : MessageIdFrom(id->value);
  MH_RETURN_IF_ERROR(CheckMessageId(own).WithContext("message.message-id"));
  message.message_id = WithoutBrackets(own);
  if (id == nullptr) {
    AppendIdField("Message-ID", std::span(&message.message_id, 1), added);
  }
  return added;
}

}  // namespace

Result<OutgoingMessage> PrepareRaw(std::string_view bytes, const RawOptions& options) {
  if (bytes.size() > kRawBytesMax) {
    return Invalid("longer than " + std::to_string(kRawBytesMax) + " bytes");
  }
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 32);
  smtp::DataEncoder encoder(smtp::DotStuffing::kNo);
  encoder.Append(bytes, &text);
  encoder.Finish(&text);
  smtp::MessageScanner scanner;
  scanner.Append(text);
  const smtp::MessageFacts facts = scanner.Finish();
  if (facts.has_nul) {
    return Invalid("holds a NUL character");
  }
  if (facts.line_bytes_max > kRawLineBytesMax) {
    return Invalid("a line of more than " + std::to_string(kRawLineBytesMax) + " bytes");
  }
  size_t header_bytes = 0;
  MH_ASSIGN_OR_RETURN(const std::vector<Field> fields, SplitHeader(text, &header_bytes));
  MH_RETURN_IF_ERROR(CheckFields(fields));
  OutgoingMessage message;
  message.needs_smtputf8 = facts.eight_bit_header;
  message.needs_eight_bit_mime = facts.eight_bit;
  MH_RETURN_IF_ERROR(FillEnvelope(fields, options, message));
  MH_ASSIGN_OR_RETURN(const std::string added, AddedFields(fields, options, message));
  message.bytes.reserve(text.size() + added.size());
  for (const Field& field : fields) {
    if (!EqualsIgnoreCase(field.name, "bcc")) {
      message.bytes += field.whole;
    }
  }
  message.bytes += added;
  message.bytes += std::string_view(text).substr(header_bytes);
  return message;
}

}  // namespace mailhaul::mime
