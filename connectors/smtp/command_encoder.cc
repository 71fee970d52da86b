#include "connectors/smtp/command_encoder.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "connectors/smtp/address.h"
#include "connectors/smtp/limits.h"

namespace mailhaul::smtp {
namespace {

// The last line of defence: whatever was checked before, one command is one line.
std::string Line(std::string text) {
  const bool one_line = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
  });
  MH_CHECK(one_line);
  return std::move(text) + "\r\n";
}

Status CheckPath(std::string_view address, const Extensions& extensions) {
  MH_RETURN_IF_ERROR(CheckMailbox(address));
  if (HasNonAscii(address) && !extensions.smtputf8) {
    return {Code::kInvalidArgument,
            "the address " + EscapeForLog(address) + " needs SMTPUTF8, which is not offered"};
  }
  return {};
}

Result<std::string> NotifyParameter(uint8_t notify) {
  if (notify == 0) {
    return std::string();
  }
  if ((notify & kNotifyNever) != 0) {
    if (notify != kNotifyNever) {
      return Status(Code::kInvalidArgument, "NOTIFY=NEVER stands alone");
    }
    return std::string(" NOTIFY=NEVER");
  }
  std::string list;
  for (const auto& [bit, name] :
       {std::pair(kNotifySuccess, "SUCCESS"), std::pair(kNotifyFailure, "FAILURE"),
        std::pair(kNotifyDelay, "DELAY")}) {
    if ((notify & bit) != 0) {
      list += (list.empty() ? "" : ",") + std::string(name);
    }
  }
  return " NOTIFY=" + list;
}

Result<std::string> OriginalParameter(std::string_view original) {
  if (original.empty()) {
    return std::string();
  }
  MH_RETURN_IF_ERROR(CheckMailbox(original));
  if (HasNonAscii(original)) {
    // RFC 6533 has another encoding for these; a report without ORCPT serves as well.
    return std::string();
  }
  std::string parameter = "rfc822;" + EncodeXtext(original);
  if (parameter.size() > kOriginalRecipientBytesMax) {
    return Status(Code::kInvalidArgument, "the original recipient is too long");
  }
  return " ORCPT=" + parameter;
}

Result<std::string> DsnParameters(const Envelope& envelope) {
  std::string parameters;
  if (envelope.returned != ReturnContent::kDefault) {
    parameters += envelope.returned == ReturnContent::kFull ? " RET=FULL" : " RET=HDRS";
  }
  if (envelope.id.empty()) {
    return parameters;
  }
  const bool printable = std::all_of(envelope.id.begin(), envelope.id.end(),
                                     [](char c) { return c >= ' ' && c <= '~'; });
  const std::string id = EncodeXtext(envelope.id);
  if (!printable || id.size() > kEnvelopeIdBytesMax) {
    return Status(Code::kInvalidArgument,
                  "the envelope id is not printable ASCII, or longer than " +
                      std::to_string(kEnvelopeIdBytesMax) + " bytes when encoded");
  }
  return parameters + " ENVID=" + id;
}

}  // namespace

std::string EncodeXtext(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (c > ' ' && c <= '~' && c != '+' && c != '=') {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.push_back('+');
      encoded.push_back(kHex[byte >> 4]);
      encoded.push_back(kHex[byte & 15U]);
    }
  }
  return encoded;
}

Result<std::string> EncodeHello(std::string_view verb, std::string_view client_name) {
  MH_RETURN_IF_ERROR(CheckClientName(client_name));
  return Line(std::string(verb) + " " + std::string(client_name));
}

Result<std::string> EncodeMail(const Envelope& envelope, const MailParameters& parameters,
                               const Extensions& extensions) {
  if (!envelope.from.empty()) {
    MH_RETURN_IF_ERROR(CheckPath(envelope.from, extensions));
  }
  std::string command = "MAIL FROM:<" + envelope.from + ">";
  if (extensions.size_max.has_value()) {
    command += " SIZE=" + std::to_string(parameters.wire_bytes);
  }
  if (parameters.eight_bit) {
    if (!extensions.eight_bit_mime) {
      return Status(Code::kInvalidArgument, "the message needs 8BITMIME, which is not offered");
    }
    command += " BODY=8BITMIME";
  }
  if (parameters.utf8) {
    if (!extensions.smtputf8) {
      return Status(Code::kInvalidArgument, "the message needs SMTPUTF8, which is not offered");
    }
    command += " SMTPUTF8";
  }
  MH_ASSIGN_OR_RETURN(const std::string dsn, DsnParameters(envelope));
  return Line(command + (extensions.dsn ? dsn : std::string()));
}

Result<std::string> EncodeRecipient(const EnvelopeRecipient& recipient,
                                    const Extensions& extensions) {
  MH_RETURN_IF_ERROR(CheckPath(recipient.address, extensions));
  MH_ASSIGN_OR_RETURN(const std::string notify, NotifyParameter(recipient.notify));
  MH_ASSIGN_OR_RETURN(const std::string original, OriginalParameter(recipient.original));
  std::string command = "RCPT TO:<" + recipient.address + ">";
  return Line(command + (extensions.dsn ? notify + original : std::string()));
}

std::string EncodeChunkHead(size_t bytes, bool last) {
  return Line("BDAT " + std::to_string(bytes) + (last ? " LAST" : ""));
}

}  // namespace mailhaul::smtp
