#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/smtp/session_fixture.h"

namespace mailhaul::smtp {
namespace {

using Lines = std::vector<std::string>;

TEST_F(SmtpSessionTest, SendsOneMessage) {
  const SendResult result = world_.OpenAndSend();
  EXPECT_EQ(result.state, SendState::kSent);
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.final_reply.ToString(), "250 2.0.0 queued as 1");
  ASSERT_EQ(result.recipients.size(), 1U);
  EXPECT_TRUE(result.recipients[0].accepted);
  EXPECT_EQ(result.recipients[0].reply.code, 250);
  ASSERT_EQ(server().mails.size(), 1U);
  EXPECT_EQ(server().mails[0].data, kMessage);
  EXPECT_EQ(server().mails[0].from, "alice@example.com");
  EXPECT_EQ(server().mails[0].recipients, Lines({"bob@example.org"}));
  EXPECT_EQ(world_.observer.calls, 1U);
  world_.Close();
  EXPECT_EQ(server().counters.lines, Lines({"EHLO [127.0.0.1]", "MAIL FROM:<alice@example.com>",
                                            "RCPT TO:<bob@example.org>", "DATA", "QUIT"}));
}

TEST_F(SmtpSessionTest, SendsWhateverTheServerOffers) {
  const std::vector<Lines> offers = {{},
                                     {"PIPELINING"},
                                     {"CHUNKING"},
                                     {"CHUNKING", "PIPELINING"},
                                     {"CHUNKING", "PIPELINING", "8BITMIME", "SIZE 10000000"}};
  std::string large = "Subject: large\r\n\r\n";
  while (large.size() < 5 * kChunkBytes) {
    large += ".a line of text\n..\r.\r\n";
  }
  std::string normal;
  DataEncoder encoder(DotStuffing::kNo);
  encoder.Append(large, &normal);
  for (const Lines& offer : offers) {
    world_.Offer(offer);
    server().mails.clear();
    const SendResult result = world_.OpenAndSend(large);
    EXPECT_EQ(result.state, SendState::kSent) << result.status.ToString();
    ASSERT_EQ(server().mails.size(), 1U);
    EXPECT_TRUE(server().mails[0].data == normal);
    EXPECT_EQ(server().mails[0].chunked, !offer.empty() && offer[0] == "CHUNKING");
  }
  EXPECT_EQ(world_.observer.calls, offers.size());
}

TEST_F(SmtpSessionTest, ChunkingCanBeLeftAlone) {
  world_.Offer({"CHUNKING"});
  world_.options.use_chunking = false;
  EXPECT_EQ(world_.OpenAndSend().state, SendState::kSent);
  EXPECT_FALSE(server().mails[0].chunked);
}

TEST_F(SmtpSessionTest, OneSessionSendsSeveralMessages) {
  ASSERT_TRUE(world_.Open().ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(world_.Send("Subject: " + std::to_string(i) + "\n\n").state, SendState::kSent);
    EXPECT_TRUE(world_.session->usable());
  }
  ASSERT_EQ(server().mails.size(), 3U);
  EXPECT_EQ(server().mails[2].data, "Subject: 2\r\n\r\n");
  EXPECT_EQ(world_.Count("RSET"), 2U);
  EXPECT_EQ(server().counters.connections, 1U);
}

TEST_F(SmtpSessionTest, GoesOnAfterRefusals) {
  ASSERT_TRUE(world_.Open().ok());
  for (const char* verb : {"MAIL", "DATA", "."}) {
    server().script.answers[verb] = "550 5.7.1 no";
    EXPECT_EQ(world_.Send().state, SendState::kRejected) << verb;
    server().script.answers.clear();
    EXPECT_EQ(world_.Send().state, SendState::kSent) << verb;
  }
  EXPECT_EQ(server().mails.size(), 3U);
  EXPECT_EQ(server().counters.connections, 1U);
}

TEST_F(SmtpSessionTest, AllParameters) {
  world_.Offer({"SIZE 1000", "8BITMIME", "SMTPUTF8", "DSN"});
  world_.envelope.from = "\xC3\xBC@example.com";
  world_.envelope.returned = ReturnContent::kHeaders;
  world_.envelope.id = "id-1";
  world_.envelope.recipients[0].notify = kNotifyFailure;
  world_.envelope.recipients[0].original = "b@example.net";
  EXPECT_EQ(world_.OpenAndSend("a: b\n\n\xC3\xBC\n").state, SendState::kSent);
  ASSERT_EQ(server().mails.size(), 1U);
  EXPECT_EQ(server().mails[0].from_parameters,
            "SIZE=12 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id-1");
  EXPECT_EQ(server().mails[0].recipient_parameters,
            Lines({"NOTIFY=FAILURE ORCPT=rfc822;b@example.net"}));
}

TEST_F(SmtpSessionTest, WhatTheServerCannotTakeIsNotOffered) {
  struct Case {
    Lines offer;
    std::string message;
    Obstacle obstacle;
  };
  for (const Case& c : {
           Case{{"SIZE 13"}, "a: b\n\nabcd", Obstacle::kTooLarge},
           Case{{"SIZE 100"}, "a: b\n\n\xFF", Obstacle::kEightBit},
           Case{{"8BITMIME"}, "a: \xC3\xBC\n\n", Obstacle::kUtf8},
           Case{{"8BITMIME"}, "a: b\n\n" + std::string(999, 'x'), Obstacle::kLongLines},
           Case{{"8BITMIME"}, std::string("a: b\n\n\0", 7), Obstacle::kNul},
       }) {
    world_.Offer(c.offer);
    const SendResult result = world_.OpenAndSend(c.message);
    EXPECT_EQ(result.state, SendState::kRejected);
    EXPECT_EQ(result.obstacle, c.obstacle);
    EXPECT_EQ(result.status.code(), Code::kMessageRejected);
    EXPECT_TRUE(world_.session->usable());
  }
  EXPECT_EQ(world_.Count("MAIL"), 0U);
  EXPECT_EQ(world_.observer.calls, 0U);
}

TEST_F(SmtpSessionTest, AsMuchAsTheServerTakes) {
  world_.Offer({"SIZE 14"});
  EXPECT_EQ(world_.OpenAndSend("a: b\n\nabcd").obstacle, Obstacle::kNone);
  world_.Offer({"SIZE 0"});
  EXPECT_EQ(world_.OpenAndSend("a: b\n\nabcd").state, SendState::kSent);
  EXPECT_EQ(world_.Send("a: b\n\n" + std::string(998, 'x')).state, SendState::kSent);
}

TEST_F(SmtpSessionTest, Utf8AddressesNeedSmtpUtf8) {
  world_.Offer({"8BITMIME"});
  world_.AddRecipient("b\xC3\xBC@example.com");
  EXPECT_EQ(world_.OpenAndSend().obstacle, Obstacle::kUtf8);
  EXPECT_EQ(world_.Count("MAIL"), 0U);
}

TEST_F(SmtpSessionTest, EnvelopesAreBounded) {
  ASSERT_TRUE(world_.Open().ok());
  world_.envelope.recipients.clear();
  EXPECT_EQ(world_.Send().obstacle, Obstacle::kAddress);
  world_.envelope.recipients.resize(kRecipientsMax + 1);
  EXPECT_EQ(world_.Send().status.code(), Code::kInvalidArgument);
  EXPECT_EQ(world_.Count("MAIL"), 0U);
}

TEST_F(SmtpSessionTest, ManyRecipientsGoInGroups) {
  for (int i = 1; i < static_cast<int>(kRecipientsMax); ++i) {
    const std::string name = "recipient-" + std::to_string(i) + "@example.org";
    world_.AddRecipient(name);
    if (i % 3 == 0) {
      server().script.recipient_answers[name] = "452 4.5.3 too many";
    } else if (i % 3 == 1) {
      server().script.recipient_answers[name] = "550 5.1.1 unknown";
    }
  }
  const SendResult result = world_.OpenAndSend();
  EXPECT_EQ(result.state, SendState::kSent);
  ASSERT_EQ(result.recipients.size(), kRecipientsMax);
  for (size_t i = 1; i < kRecipientsMax; ++i) {
    EXPECT_EQ(result.recipients[i].accepted, i % 3 == 2) << i;
    EXPECT_EQ(result.recipients[i].permanent, i % 3 == 1) << i;
  }
  EXPECT_EQ(result.recipients[1].reply.enhanced.ToString(), "5.1.1");
}

TEST_F(SmtpSessionTest, WithoutRecipientsNothingIsSent) {
  world_.AddRecipient("carol@example.org");
  server().script.recipient_answers["bob@example.org"] = "550 5.1.1 unknown";
  server().script.recipient_answers["carol@example.org"] = "551 5.1.6 moved";
  SendResult result = world_.OpenAndSend();
  EXPECT_EQ(result.state, SendState::kRejected);
  EXPECT_EQ(result.final_reply.enhanced.ToString(), "5.1.1");
  server().script.recipient_answers["carol@example.org"] = "450 4.2.1 busy";
  result = world_.Send();
  EXPECT_EQ(result.state, SendState::kTemporary);
  EXPECT_EQ(result.final_reply.code, 450);
  EXPECT_EQ(world_.Count("DATA") + world_.Count("BDAT"), 0U);
  EXPECT_EQ(world_.observer.calls, 0U);
}

TEST_F(SmtpSessionTest, ARefusedSenderSaysNothingOfRecipients) {
  server().script.answers["MAIL"] = "553 5.7.1 not your address";
  const SendResult result = world_.OpenAndSend();
  EXPECT_EQ(result.state, SendState::kRejected);
  EXPECT_EQ(result.status.message(),
            "MAIL FROM alice@example.com was refused: 553 5.7.1 not your address");
  EXPECT_EQ(result.recipients[0].reply.code, 0);
  EXPECT_FALSE(result.recipients[0].permanent);
}

TEST_F(SmtpSessionTest, ThrottledSendersWait) {
  server().script.answers["MAIL"] = "451 4.7.1 Rate limit, try again in 5 minutes";
  const SendResult result = world_.OpenAndSend();
  EXPECT_EQ(result.state, SendState::kTemporary);
  EXPECT_EQ(result.status.code(), Code::kThrottled);
  EXPECT_EQ(result.status.retry_after(), std::chrono::minutes(5));
  EXPECT_TRUE(world_.session->usable());
}

TEST_F(SmtpSessionTest, A421EndsTheSessionAnywhere) {
  world_.AddRecipient("carol@example.org");
  for (const char* verb : {"RSET", "MAIL", "RCPT", "DATA", ".", "BDAT"}) {
    world_.Offer({"PIPELINING", std::string(verb) == "BDAT" ? "CHUNKING" : "DSN"});
    ASSERT_TRUE(world_.Open().ok());
    EXPECT_EQ(world_.Send().state, SendState::kSent);
    server().script.answers[verb] = "421 4.3.2 shutting down";
    const SendResult result = world_.Send();
    EXPECT_EQ(result.state, SendState::kTemporary) << verb;
    EXPECT_EQ(result.status.code(), Code::kUnreachable) << verb;
    EXPECT_FALSE(world_.session->usable()) << verb;
    EXPECT_EQ(world_.Send().state, SendState::kTemporary) << verb;
    server().script.answers.clear();
  }
}

TEST_F(SmtpSessionTest, ARefusedChunkIsKnownBeforeTheMark) {
  world_.Offer({"CHUNKING", "PIPELINING"});
  server().script.answers["BDAT"] = "552 5.3.4 too much";
  std::string large = "a: b\n\n";
  while (large.size() < 4 * kChunkBytes) {
    large += "some text\n";
  }
  ASSERT_TRUE(world_.Open().ok());
  const SendResult result = world_.Send(large);
  EXPECT_EQ(result.state, SendState::kRejected);
  EXPECT_EQ(result.final_reply.enhanced.ToString(), "5.3.4");
  EXPECT_EQ(world_.observer.calls, 0U);
  EXPECT_LT(world_.Count("BDAT"), 4U);
  server().script.answers.clear();
  EXPECT_EQ(world_.Send(large).state, SendState::kSent);
}

TEST_F(SmtpSessionTest, AFailedMarkStopsBeforeTheEnd) {
  for (const char* offer : {"PIPELINING", "CHUNKING"}) {
    world_.Offer({offer});
    world_.observer.fail_with = Status(Code::kDiskFull, "no room for the mark");
    const SendResult result = world_.OpenAndSend();
    EXPECT_EQ(result.state, SendState::kTemporary);
    EXPECT_EQ(result.status.code(), Code::kDiskFull);
    EXPECT_FALSE(world_.session->usable());
    world_.Close();
    EXPECT_EQ(world_.Count("QUIT"), 0U);  // Would have become a line of the message.
  }
  EXPECT_EQ(server().mails.size(), 0U);
}

class FailingSource final : public MessageSource {
 public:
  const MessageFacts& facts() const override { return facts_; }
  net::Task<Result<size_t>> Read(std::span<char> out) override {
    if (++reads_ > 1) {
      co_return Status(Code::kIo, "the disk failed");
    }
    out[0] = 'x';
    co_return size_t{1};
  }

 private:
  MessageFacts facts_;
  int reads_ = 0;
};

TEST_F(SmtpSessionTest, AFailingSourceStopsBeforeTheEnd) {
  ASSERT_TRUE(world_.Open().ok());
  FailingSource source;
  const SendResult result =
      world_.loop.Await(world_.session->Send(world_.envelope, source, world_.observer));
  EXPECT_EQ(result.state, SendState::kTemporary);
  EXPECT_EQ(result.status.code(), Code::kIo);
  EXPECT_FALSE(world_.session->usable());
  EXPECT_EQ(server().counters.ends_of_data, 0U);
}

TEST_F(SmtpSessionTest, AMessageThatIsNotAsSaidStopsBeforeTheEnd) {
  ASSERT_TRUE(world_.Open().ok());
  const MemoryByteSource said("a: b\n\nabcd");
  const MemoryByteSource bytes("a: b\n\nabc\xFF");
  ByteMessageSource source(bytes, *ScanMessage(said));
  const SendResult result =
      world_.loop.Await(world_.session->Send(world_.envelope, source, world_.observer));
  EXPECT_EQ(result.state, SendState::kTemporary);
  EXPECT_EQ(result.status.code(), Code::kInternal);
  EXPECT_EQ(world_.observer.calls, 0U);
  EXPECT_EQ(server().counters.ends_of_data, 0U);
}

TEST_F(SmtpSessionTest, AbortedSendsKnowWhatTheyKnow) {
  ASSERT_TRUE(world_.Open().ok());
  server().script.hang_after_end = true;
  const MemoryByteSource bytes(kMessage);
  ByteMessageSource source(bytes, *ScanMessage(bytes));
  world_.loop.AddTimer(world_.loop.Now() + std::chrono::minutes(1),
                       [this] { world_.session->Abort(); });
  const SendResult result =
      world_.loop.Await(world_.session->Send(world_.envelope, source, world_.observer));
  EXPECT_EQ(result.state, SendState::kUnknown);
  EXPECT_EQ(result.status.code(), Code::kUnknownOutcome);
  const SendResult again = world_.Send();
  EXPECT_EQ(again.state, SendState::kTemporary);
  EXPECT_EQ(again.status.code(), Code::kCancelled);
}

TEST_F(SmtpSessionTest, SilenceAfterTheEndIsUnknownAfterTenMinutes) {
  server().script.hang_after_end = true;
  ASSERT_TRUE(world_.Open().ok());
  const TimePoint begin = world_.loop.Now();
  EXPECT_EQ(world_.Send().state, SendState::kUnknown);
  EXPECT_EQ(world_.loop.Now() - begin, kEndOfDataTimeout);
}

TEST_F(SmtpSessionTest, InjectionValuesSendNothing) {
  ASSERT_TRUE(world_.Open().ok());
  world_.AddRecipient("a\r\nRCPT TO:<evil@evil.example>@example.com");
  EXPECT_EQ(world_.Send().obstacle, Obstacle::kAddress);
  world_.Close();
  EXPECT_EQ(server().counters.lines, Lines({"EHLO [127.0.0.1]", "QUIT"}));
}

}  // namespace
}  // namespace mailhaul::smtp
