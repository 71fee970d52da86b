#include "connectors/smtp/command_encoder.h"

#include <gtest/gtest.h>

#include <string>

namespace mailhaul::smtp {
namespace {

Extensions All() {
  Extensions all;
  all.eight_bit_mime = all.smtputf8 = all.dsn = true;
  all.size_max = 0;
  return all;
}

TEST(CommandEncoderTest, Hello) {
  EXPECT_EQ(*EncodeHello("EHLO", "[127.0.0.1]"), "EHLO [127.0.0.1]\r\n");
  EXPECT_FALSE(EncodeHello("EHLO", "x\r\nMAIL FROM:<>").ok());
}

TEST(CommandEncoderTest, PlainMail) {
  Envelope envelope;
  EXPECT_EQ(*EncodeMail(envelope, {}, {}), "MAIL FROM:<>\r\n");
  envelope.from = "a@b.example";
  EXPECT_EQ(*EncodeMail(envelope, {}, {}), "MAIL FROM:<a@b.example>\r\n");
}

TEST(CommandEncoderTest, MailWithEverything) {
  Envelope envelope;
  envelope.from = "\xC3\xBC@b.example";
  envelope.returned = ReturnContent::kHeaders;
  envelope.id = "id+1=2 3";
  MailParameters parameters;
  parameters.wire_bytes = 1234;
  parameters.eight_bit = parameters.utf8 = true;
  EXPECT_EQ(*EncodeMail(envelope, parameters, All()),
            "MAIL FROM:<\xC3\xBC@b.example> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS "
            "ENVID=id+2B1+3D2+203\r\n");
}

TEST(CommandEncoderTest, NothingThatIsNotOffered) {
  Envelope envelope;
  envelope.from = "a@b.example";
  envelope.returned = ReturnContent::kFull;
  envelope.id = "x";
  EXPECT_EQ(*EncodeMail(envelope, {}, {}), "MAIL FROM:<a@b.example>\r\n");
  MailParameters eight_bit;
  eight_bit.eight_bit = true;
  EXPECT_FALSE(EncodeMail(envelope, eight_bit, {}).ok());
  MailParameters utf8;
  utf8.utf8 = true;
  EXPECT_FALSE(EncodeMail(envelope, utf8, {}).ok());
  envelope.from = "\xC3\xBC@b.example";
  EXPECT_FALSE(EncodeMail(envelope, {}, {}).ok());
  EnvelopeRecipient recipient;
  recipient.address = "\xC3\xBC@b.example";
  EXPECT_FALSE(EncodeRecipient(recipient, {}).ok());
}

TEST(CommandEncoderTest, Recipients) {
  EnvelopeRecipient recipient;
  recipient.address = "\"john doe\"@b.example";
  recipient.original = "j+d@c.example";
  recipient.notify = kNotifySuccess | kNotifyDelay;
  EXPECT_EQ(*EncodeRecipient(recipient, {}), "RCPT TO:<\"john doe\"@b.example>\r\n");
  EXPECT_EQ(*EncodeRecipient(recipient, All()),
            "RCPT TO:<\"john doe\"@b.example> NOTIFY=SUCCESS,DELAY "
            "ORCPT=rfc822;j+2Bd@c.example\r\n");
  recipient.notify = kNotifyNever;
  recipient.original.clear();
  EXPECT_EQ(*EncodeRecipient(recipient, All()),
            "RCPT TO:<\"john doe\"@b.example> NOTIFY=NEVER\r\n");
  recipient.notify = kNotifyNever | kNotifyDelay;
  EXPECT_FALSE(EncodeRecipient(recipient, All()).ok());
}

TEST(CommandEncoderTest, EnvelopeIdsAreBounded) {
  Envelope envelope;
  envelope.id = std::string(100, 'x');
  EXPECT_TRUE(EncodeMail(envelope, {}, All()).ok());
  envelope.id.back() = '+';
  EXPECT_FALSE(EncodeMail(envelope, {}, All()).ok());
  for (const char* id : {"a\r\nb", "a\nb", "\xC3\xBC", "a\tb", "\x7F"}) {
    envelope.id = id;
    EXPECT_FALSE(EncodeMail(envelope, {}, All()).ok()) << id;
    EXPECT_FALSE(EncodeMail(envelope, {}, {}).ok()) << id;
  }
}

TEST(CommandEncoderTest, Chunks) {
  EXPECT_EQ(EncodeChunkHead(100, false), "BDAT 100\r\n");
  EXPECT_EQ(EncodeChunkHead(0, true), "BDAT 0 LAST\r\n");
}

}  // namespace
}  // namespace mailhaul::smtp
