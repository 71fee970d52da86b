// Commands as they go over the wire, CRLF included. No value can break out of its command: what
// does not fit the grammar is refused with kInvalidArgument, and nothing is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/smtp/envelope.h"
#include "connectors/smtp/extensions.h"

namespace mailhaul::smtp {

Result<std::string> EncodeHello(std::string_view verb, std::string_view client_name);

struct MailParameters {
  uint64_t wire_bytes = 0;  // For SIZE, when offered.
  bool eight_bit = false;   // BODY=8BITMIME.
  bool utf8 = false;        // SMTPUTF8.
};

// MAIL FROM. kInvalidArgument also when `parameters` need an extension that is not offered.
Result<std::string> EncodeMail(const Envelope& envelope, const MailParameters& parameters,
                               const Extensions& extensions);
// RCPT TO.
Result<std::string> EncodeRecipient(const EnvelopeRecipient& recipient,
                                    const Extensions& extensions);

// BDAT; `bytes` follow at once.
std::string EncodeChunkHead(size_t bytes, bool last);

// xtext (RFC 3461 section 4): printable ASCII without "+" and "=", the rest as +XX.
std::string EncodeXtext(std::string_view text);

}  // namespace mailhaul::smtp
