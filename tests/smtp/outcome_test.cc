// Connections cut at every byte of a whole session: the outcome is right, and nothing is ever sent
// twice.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/smtp/session_fixture.h"

namespace mailhaul::smtp {
namespace {

struct Setting {
  std::vector<std::string> extensions;
  size_t read_bytes_max;
  bool starttls;
};

enum class Cut : uint8_t {
  kHearing,   // The server takes no further byte.
  kSpeaking,  // It sends no further byte.
  kLine,      // The connection breaks within what the client writes.
};

struct Seen {
  size_t not_sent = 0;
  size_t sent = 0;
  size_t unknown = 0;
};

class OutcomeTest : public ::testing::Test {
 protected:
  // One attempt with a cut, then another one without it when the first says "not sent".
  void Attempt(const Setting& setting, Cut cut, size_t offset) {
    test_support::MemoryNetworkOptions network;
    network.read_bytes_max = setting.read_bytes_max;
    network.cut_after_bytes_forward = cut == Cut::kLine ? offset : SIZE_MAX;
    SmtpWorld world(network);
    Prepare(setting, &world);
    test_support::SmtpScript& script = world.server.script;
    script.cut_after_bytes_in = cut == Cut::kHearing ? offset : SIZE_MAX;
    script.cut_after_bytes_out = cut == Cut::kSpeaking ? offset : SIZE_MAX;
    const std::optional<SendResult> result =
        world.Open().ok() ? std::optional<SendResult>(world.Send()) : std::nullopt;
    Judge(world, result);
    if (result.has_value() && result->state != SendState::kTemporary) {
      return;
    }
    SmtpWorld next;  // The same server, over a connection that holds.
    Prepare(setting, &next);
    next.server.mails = world.server.mails;
    ASSERT_EQ(next.OpenAndSend().state, SendState::kSent);
    ASSERT_EQ(next.server.mails.size(), 1U) << "sent twice";
    ASSERT_TRUE(world.server.counters.violations.empty());
  }

  static void Prepare(const Setting& setting, SmtpWorld* world) {
    world->Offer(setting.extensions);
    world->UseLogin();
    world->AddRecipient("carol@example.org");
    if (setting.starttls) {
      world->UseStartTls();
    }
  }

  void Judge(SmtpWorld& world, const std::optional<SendResult>& result) {
    const size_t taken = world.server.mails.size();
    if (world.observer.calls == 0) {
      ASSERT_EQ(taken, 0U) << "without a mark";
    }
    if (!result.has_value() || result->state == SendState::kTemporary) {
      ++seen_.not_sent;
      ASSERT_EQ(taken, 0U);
      ASSERT_EQ(world.observer.calls, 0U) << "a partial end of data is no failure before the mark";
    } else if (result->state == SendState::kSent) {
      ++seen_.sent;
      ASSERT_EQ(taken, 1U);
    } else {
      ASSERT_EQ(result->state, SendState::kUnknown);
      ASSERT_EQ(world.observer.calls, 1U);
      ASSERT_EQ(result->status.code(), Code::kUnknownOutcome);
      ++seen_.unknown;
      taken_when_unknown_ += taken;
    }
  }

  // Every offset until one is behind the whole session.
  void CutEverywhere(const Setting& setting, Cut cut) {
    const Seen before = seen_;
    for (size_t offset = 0; seen_.sent < before.sent + 40; ++offset) {
      ASSERT_LT(offset, 4000U);
      Attempt(setting, cut, offset);
      ASSERT_FALSE(HasFatalFailure()) << "cut at " << offset;
    }
    EXPECT_GT(seen_.not_sent, before.not_sent + 100);
    EXPECT_GT(seen_.unknown, before.unknown);
  }

  Seen seen_;
  size_t taken_when_unknown_ = 0;
};

std::vector<Setting> Settings() {
  return {{{"PIPELINING"}, SIZE_MAX, false},
          {{"ENHANCEDSTATUSCODES"}, 1, true},
          {{"CHUNKING", "PIPELINING"}, SIZE_MAX, true},
          {{"CHUNKING"}, 3, false}};
}

TEST_F(OutcomeTest, ServersThatStopSpeakingAtEveryByte) {
  for (const Setting& setting : Settings()) {
    CutEverywhere(setting, Cut::kSpeaking);
  }
  // Within the answer to the end of data the message is taken, and we cannot know.
  EXPECT_EQ(taken_when_unknown_, seen_.unknown);
}

TEST_F(OutcomeTest, ServersThatStopHearingAtEveryByte) {
  for (const Setting& setting : Settings()) {
    CutEverywhere(setting, Cut::kHearing);
  }
  EXPECT_EQ(taken_when_unknown_, 0U);
}

// Here writes fail: one that did so within the end of data may have been complete.
TEST_F(OutcomeTest, ConnectionsThatBreakAtEveryByte) {
  for (const Setting& setting : Settings()) {
    CutEverywhere(setting, Cut::kLine);
  }
}

TEST_F(OutcomeTest, ServersThatTakeTheMessageAndGo) {
  for (const char* offer : {"PIPELINING", "CHUNKING"}) {
    SmtpWorld world;
    world.Offer({offer});
    world.server.script.lose_answer_after_end = true;
    EXPECT_EQ(world.OpenAndSend().state, SendState::kUnknown);
    EXPECT_EQ(world.server.mails.size(), 1U);
    EXPECT_FALSE(world.session->usable());
  }
}

TEST_F(OutcomeTest, EveryAnswerToTheEndOfData) {
  struct Case {
    const char* answer;
    SendState state;
  };
  for (const Case& c :
       {Case{"250 ok", SendState::kSent}, Case{"250", SendState::kSent},
        Case{"251 ok", SendState::kSent}, Case{"250-a\r\n250 b", SendState::kSent},
        Case{"354 what", SendState::kUnknown}, Case{"421 bye", SendState::kTemporary},
        Case{"451 4.3.0 later", SendState::kTemporary},
        Case{"550 5.4.5 Daily user sending limit exceeded", SendState::kTemporary},
        Case{"554 5.7.1 spam", SendState::kRejected}, Case{"xyz", SendState::kUnknown},
        Case{"150 ok", SendState::kUnknown}, Case{"250-a\r\n251 b", SendState::kUnknown},
        Case{"", SendState::kUnknown}}) {
    for (const char* offer : {"PIPELINING", "CHUNKING"}) {
      SmtpWorld world;
      world.Offer({offer});
      world.server.script.answers["."] = c.answer;
      EXPECT_EQ(world.OpenAndSend().state, c.state) << c.answer;
    }
  }
}

}  // namespace
}  // namespace mailhaul::smtp
