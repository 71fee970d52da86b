// The data encoder on arbitrary messages in arbitrary pieces: a strict and a lenient server see one
// end of data, at the end, and the same message; addresses cannot break out of their command.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "connectors/smtp/command_encoder.h"
#include "connectors/smtp/data_encoder.h"
#include "tests/support/smtp_data_decoder.h"

namespace {

using namespace mailhaul::smtp;

std::string Encode(std::string_view input, DotStuffing stuffing, size_t piece) {
  DataEncoder encoder(stuffing);
  std::string out;
  for (size_t at = 0; at < input.size(); at += piece) {
    encoder.Append(input.substr(at, piece), &out);
  }
  encoder.Finish(&out);
  return out;
}

void CheckMessage(std::string_view message, size_t piece) {
  using mailhaul::test_support::LineEnds;
  using mailhaul::test_support::SmtpDataDecoder;
  const std::string normal = Encode(message, DotStuffing::kNo, message.size() + 1);
  MH_CHECK(Encode(normal, DotStuffing::kNo, piece) == normal);
  const std::string wire = Encode(message, DotStuffing::kYes, piece).append(kEndOfDataLine);
  for (const LineEnds line_ends : {LineEnds::kStrict, LineEnds::kLenient}) {
    SmtpDataDecoder server(line_ends);
    MH_CHECK(server.Take(wire + "QUIT") == wire.size());
    MH_CHECK(server.done() && server.message() == normal);
  }
  MessageScanner scanner;
  scanner.Append(message.substr(0, piece));
  scanner.Append(message.substr(std::min(piece, message.size())));
  MH_CHECK(scanner.Finish().wire_bytes == normal.size());
}

void CheckAddress(std::string_view address) {
  Extensions extensions;
  extensions.smtputf8 = extensions.dsn = true;
  EnvelopeRecipient recipient;
  recipient.address = address;
  const mailhaul::Result<std::string> command = EncodeRecipient(recipient, extensions);
  if (command.ok()) {
    MH_CHECK(*command == "RCPT TO:<" + recipient.address + ">\r\n");
    MH_CHECK(command->find('\r') == command->size() - 2);
    MH_CHECK(command->find('\n') == command->size() - 1);
    MH_CHECK(command->find('>') == command->size() - 3);
    MH_CHECK(command->find('\0') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string input(data + 1, data + size);
  CheckMessage(input, 1 + data[0] % 17);
  CheckAddress(input);
  return 0;
}
