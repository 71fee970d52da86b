#include <gtest/gtest.h>

#include "connectors/smtp/command_encoder.h"
#include "tests/smtp/injection_values.h"

namespace mailhaul::smtp {
namespace {

Extensions All() {
  Extensions all;
  all.eight_bit_mime = all.smtputf8 = all.dsn = true;
  all.size_max = 0;
  return all;
}

TEST(InjectionTest, AddressesCannotBreakOut) {
  const std::vector<std::string> values = InjectionValues();
  ASSERT_GE(values.size(), 100U);
  for (const std::string& value : values) {
    Envelope envelope;
    envelope.from = value;
    EXPECT_FALSE(EncodeMail(envelope, {}, All()).ok()) << value;
    EnvelopeRecipient recipient;
    recipient.address = value;
    EXPECT_FALSE(EncodeRecipient(recipient, All()).ok()) << value;
    recipient.address = "bob@example.com";
    recipient.original = value;
    EXPECT_FALSE(EncodeRecipient(recipient, All()).ok()) << value;
  }
}

// What passes is one line whatever bytes it was made of.
TEST(InjectionTest, EveryByteInEveryPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string c(1, static_cast<char>(byte));
    for (const std::string& address :
         {"a" + c + "b@example.com", "\"a" + c + "b\"@example.com", "\"a\\" + c + "b\"@example.com",
          "a@exam" + c + "ple.com", c + "a@example.com", "a@example.com" + c}) {
      EnvelopeRecipient recipient;
      recipient.address = address;
      recipient.original = address;
      const Result<std::string> command = EncodeRecipient(recipient, All());
      if (command.ok()) {
        EXPECT_EQ(command->find_first_of(std::string_view("\r\n\0\x7F", 4)), command->size() - 2);
        EXPECT_EQ(command->find('>'), command->find("> ORCPT=rfc822;"));
      }
    }
  }
}

}  // namespace
}  // namespace mailhaul::smtp
