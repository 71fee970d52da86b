#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/pop3/session_fixture.h"

namespace mailhaul::pop3 {
namespace {

// How much of two honest messages (or of what a canned server has) must be in the sink afterwards.
enum class Ends : uint8_t {
  kRecovers,   // Everything is collected.
  kPartly,     // What can be had is collected, the rest is rejected message by message.
  kNothing,    // It fails, and nothing was stored or given up.
  kStopsHalf,  // It fails, and what was stored before is right.
};

class HostileTest;

struct Case {
  const char* name;
  Code code;  // kOk for kRecovers and kPartly.
  Ends ends;
  std::function<void(HostileTest&)> prepare;
};

class HostileTest : public SessionTest {
 public:
  HostileTest() {
    Fill(2);
    options_.body_bytes_max = 1 << 20;
    // In the clear by intent, so that every command can be watched.
    address_.security = Security::kPlaintext;
  }

  test_support::ScriptedFaults& faults() { return server_.faults; }
  test_support::Pop3Script& script() { return script_; }
  test_support::ScriptedFolder& inbox() { return server_.Folder(kUser); }
  // A server that answers with these, then closes; or stays silent.
  void Can(std::vector<std::string> replies, bool stays = false) {
    canned_.replies = std::move(replies);
    canned_.stays = stays;
    UseCanned();
  }
  // Up to the login, with as few words as possible: greeting, CAPA, USER, PASS.
  void CanAfterLogin(std::vector<std::string> replies, bool stays = false) {
    replies.insert(replies.begin(),
                   {"+OK\r\n", "+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.\r\n", "+OK\r\n", "+OK\r\n"});
    Can(std::move(replies), stays);
  }
  void Require(Security security) { address_.security = security; }

  void Run(const Case& hostile) {
    hostile.prepare(*this);
    const Status opened = TryOpenInbox();
    const Status done = opened.ok() ? FetchAll() : opened;
    EXPECT_EQ(done.code(), hostile.code) << done.ToString();
    // No case takes longer than a login and one silence.
    EXPECT_LE(clock_.Now().time_since_epoch(), 3 * options_.command_timeout);
    CheckSink(hostile.ends);
    EXPECT_EQ(done.message().find(kPassword), std::string::npos);
  }

 private:
  void CheckSink(Ends ends) {
    for (const auto& [uid, body] : sink_.bodies) {
      const auto& held = inbox().messages();
      EXPECT_TRUE(std::any_of(held.begin(), held.end(), [&body = body](const auto& m) {
        return *m.raw == body;
      })) << body;
    }
    switch (ends) {
      case Ends::kRecovers:
        ExpectAllDelivered();
        break;
      case Ends::kPartly:
        EXPECT_FALSE(sink_.refused.empty());
        EXPECT_EQ(sink_.refused.size() + sink_.bodies.size(), inbox().messages().size());
        break;
      case Ends::kNothing:
        EXPECT_TRUE(sink_.bodies.empty());
        EXPECT_TRUE(sink_.refused.empty());
        break;
      case Ends::kStopsHalf:
        EXPECT_LT(sink_.bodies.size(), inbox().messages().size());
        break;
    }
  }
  void TestBody() override {}
};

using T = HostileTest;

// Before and during the login.
const std::vector<Case> kLoginCases = {
    {"no greeting", Code::kTimeout, Ends::kNothing, [](T& t) { t.faults().silent = true; }},
    {"hangs up at once", Code::kUnreachable, Ends::kNothing,
     [](T& t) { t.faults().hang_up = true; }},
    {"greets as IMAP", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().greeting = "* OK IMAP4rev1 ready"; }},
    {"greets as SMTP", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().greeting = "220 smtp ESMTP"; }},
    {"greets with a challenge", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().greeting = "+ go on"; }},
    {"greets without end", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().greeting = "+OK " + std::string(100000, 'x'); }},
    {"greets with NULs", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().greeting = std::string(20, '\0'); }},
    {"greets with TLS bytes", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().greeting = "\x15\x03\x03\x00\x02\x02\x46"; }},
    {"greets in lower case", Code::kOk, Ends::kRecovers,
     [](T& t) { t.faults().greeting = "+ok Ready"; }},
    {"CAPA is never answered", Code::kTimeout, Ends::kNothing,
     [](T& t) { t.script().hangs = "CAPA"; }},
    {"CAPA never ends", Code::kProtocol, Ends::kNothing, [](T& t) { t.script().endless = "CAPA"; }},
    {"CAPA answers with a challenge", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().answers["CAPA"] = "+ more"; }},
    {"CAPA answers twice", Code::kProtocol, Ends::kNothing,
     [](T& t) {
       t.Can({"+OK\r\n", "+OK\r\nUSER\r\n.\r\njunk\r\n", "+OK\r\n", "+OK\r\n"});
     }},
    {"CAPA lists nonsense", Code::kOk, Ends::kRecovers,
     [](T& t) {
       t.script().capabilities = {"",     " ",           "\x01",   std::string(5000, 'U'),
                                  "SASL", "LOGIN-DELAY", "EXPIRE", "USER"};
     }},
    {"a thousand capabilities", Code::kOk, Ends::kRecovers,
     [](T& t) {
       for (int i = 0; i < 1000; ++i) {
         t.script().capabilities.push_back("X" + std::to_string(i));
       }
     }},
    {"USER is never answered", Code::kTimeout, Ends::kNothing,
     [](T& t) {
       t.script().capabilities = {"USER"};
       t.script().hangs = "USER";
     }},
    {"hangs up after PASS", Code::kUnreachable, Ends::kNothing,
     [](T& t) {
       t.script().capabilities = {"USER"};
       t.script().hangs_up = "PASS";
     }},
    {"PASS is answered with a challenge", Code::kProtocol, Ends::kNothing,
     [](T& t) {
       t.script().capabilities = {"USER"};
       t.faults().answers["PASS"] = "+ what was it again?";
     }},
    {"AUTH challenges without end", Code::kProtocol, Ends::kNothing,
     [](T& t) {
       t.Can({"+OK\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n", "+ \r\n", "+ \r\n", "+ \r\n"}, true);
     }},
    {"AUTH challenges with what is no base64", Code::kProtocol, Ends::kNothing,
     [](T& t) {
       t.Can({"+OK\r\n", "+OK\r\nSASL SCRAM-SHA-256\r\n.\r\n", "+ %%%\r\n"}, true);
     }},
    {"a SCRAM server that knows no password", Code::kAuthFailed, Ends::kNothing,
     [](T& t) {
       t.Can({"+OK\r\n", "+OK\r\nSASL SCRAM-SHA-256\r\n.\r\n", "+OK in\r\n"}, true);
     }},
    {"refuses and quotes the password", Code::kAuthFailed, Ends::kNothing,
     [](T& t) { t.faults().refuse_login = std::string("-ERR not ") + kPassword; }},
    {"STLS is stripped", Code::kTlsFailed, Ends::kNothing,
     [](T& t) {
       t.Require(Security::kStartTls);
       t.script().unknown = {"STLS"};
     }},
    {"STLS with injected answers", Code::kTlsFailed, Ends::kNothing,
     [](T& t) {
       t.Require(Security::kStartTls);
       t.faults().plaintext_after_starttls = true;
     }},
    {"STLS with half an answer", Code::kTlsFailed, Ends::kNothing,
     [](T& t) {
       t.Require(Security::kStartTls);
       t.Can({"+OK\r\n", "+OK\r\n+O"}, true);
     }},
};

// Listings.
const std::vector<Case> kListingCases = {
    {"UIDL is never answered", Code::kTimeout, Ends::kNothing,
     [](T& t) { t.script().hangs = "UIDL"; }},
    {"UIDL never ends", Code::kProtocol, Ends::kNothing, [](T& t) { t.script().endless = "UIDL"; }},
    {"UIDL is cut", Code::kUnreachable, Ends::kNothing,
     [](T& t) { t.CanAfterLogin({"+OK\r\n1 a\r\n2 b"}); }},
    {"UIDL gives a number twice", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.CanAfterLogin({"+OK\r\n1 a\r\n1 b\r\n.\r\n"}, true); }},
    {"UIDL gives number 0", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.CanAfterLogin({"+OK\r\n0 a\r\n.\r\n"}, true); }},
    {"UIDL gives a number beyond 32 bits", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.CanAfterLogin({"+OK\r\n4294967297 a\r\n.\r\n"}, true); }},
    {"UIDL gives text", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.CanAfterLogin({"+OK\r\nhello\r\n.\r\n"}, true); }},
    {"UIDL line without end", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.CanAfterLogin({"+OK\r\n1 " + std::string(20000, 'u')}, true); }},
    {"UIDL in reverse order", Code::kOk, Ends::kRecovers,
     [](T& t) {
       t.CanAfterLogin({"+OK\r\n2 b\r\n1 a\r\n.\r\n", "+OK\r\n1 100\r\n2 100\r\n.\r\n",
                        "+OK\r\n" + *t.inbox().messages()[0].raw + ".\r\n",
                        "+OK\r\n" + *t.inbox().messages()[1].raw + ".\r\n"},
                       true);
     }},
    {"UIDL with one id for all", Code::kOk, Ends::kRecovers,
     [](T& t) {
       t.script().unique_ids = {{1, "x"}, {2, "x"}};
     }},
    {"UIDL with empty ids", Code::kOk, Ends::kRecovers,
     [](T& t) {
       t.script().unique_ids = {{1, ""}, {2, ""}};
     }},
    {"UIDL refused for good", Code::kOk, Ends::kRecovers,
     [](T& t) { t.faults().answers["UIDL"] = "-ERR no"; }},
    {"UIDL refused for now", Code::kUnreachable, Ends::kNothing,
     [](T& t) { t.faults().answers["UIDL"] = "-ERR [SYS/TEMP] index"; }},
    {"UIDL answers with a challenge", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().answers["UIDL"] = "+ "; }},
    {"UIDL empty, LIST not", Code::kOk, Ends::kRecovers,
     [](T& t) {
       t.CanAfterLogin(
           {"+OK\r\n.\r\n", "+OK\r\n1 100\r\n2 100\r\n.\r\n", "+OK\r\nSubject: 0\r\n\r\n.\r\n",
            "+OK\r\nSubject: 1\r\n\r\n.\r\n", "+OK\r\n" + *t.inbox().messages()[0].raw + ".\r\n",
            "+OK\r\n" + *t.inbox().messages()[1].raw + ".\r\n"},
           true);
     }},
    {"neither UIDL nor TOP", Code::kOk, Ends::kRecovers,
     [](T& t) {
       t.script().capabilities = {"USER"};
       t.script().unknown = {"UIDL", "TOP"};
     }},
    {"neither UIDL nor LIST", Code::kServerRefused, Ends::kNothing,
     [](T& t) {
       t.script().unknown = {"UIDL", "LIST"};
     }},
    {"LIST is never answered", Code::kTimeout, Ends::kNothing,
     [](T& t) { t.script().hangs = "LIST"; }},
    {"LIST answers for another message", Code::kOk, Ends::kRecovers,
     [](T& t) { t.faults().answers["LIST"] = "+OK 77 5"; }},
    {"LIST answers without a size", Code::kOk, Ends::kRecovers,
     [](T& t) { t.faults().answers["LIST"] = "+OK"; }},
    {"LIST refuses", Code::kOk, Ends::kRecovers,
     [](T& t) { t.faults().answers["LIST"] = "-ERR no"; }},
    {"LIST overflows", Code::kOk, Ends::kRecovers,
     [](T& t) { t.faults().answers["LIST"] = "+OK 1 99999999999999999999999"; }},
};

// Messages.
const std::vector<Case> kMessageCases = {
    {"RETR is never answered", Code::kTimeout, Ends::kNothing,
     [](T& t) { t.script().hangs = "RETR"; }},
    {"RETR is answered with a challenge", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().answers["RETR"] = "+ "; }},
    {"RETR answers nonsense", Code::kProtocol, Ends::kNothing,
     [](T& t) { t.faults().answers["RETR"] = "Subject: hello"; }},
    {"RETR hangs up", Code::kUnreachable, Ends::kNothing,
     [](T& t) { t.script().hangs_up = "RETR"; }},
    {"RETR hangs up with -ERR", Code::kUnreachable, Ends::kNothing,
     [](T& t) {
       t.script().hangs_up = "RETR";
       t.script().last_words = "-ERR Autologout\r\n";
     }},
    {"a message without a dot at the end", Code::kTimeout, Ends::kNothing,
     [](T& t) {
       t.script().capabilities = {"USER", "UIDL"};
       t.script().missing_dot = true;
     }},
    {"a message that ends in LF dot CRLF", Code::kTimeout, Ends::kNothing,
     [](T& t) {
       t.script().capabilities = {"USER", "UIDL"};
       t.script().raw[1] = "Subject: x\n\n.\r\n";
     }},
    {"a message that never ends", Code::kProtocol, Ends::kStopsHalf,
     [](T& t) { t.script().endless = "RETR"; }},
    {"an empty message with a size", Code::kOk, Ends::kPartly,
     [](T& t) { t.script().raw[1] = ".\r\n"; }},
    {"a refused message", Code::kOk, Ends::kPartly,
     [](T& t) {
       t.faults().refuse_uids = {1};
       t.faults().refusal = "-ERR unreadable";
     }},
    {"all messages refused", Code::kOk, Ends::kPartly,
     [](T& t) {
       t.faults().refuse_uids = {1, 2};
       t.faults().refusal = "-ERR unreadable";
     }},
    {"refused, and NOOP too", Code::kUnreachable, Ends::kNothing,
     [](T& t) {
       t.faults().refuse_uids = {1, 2};
       t.faults().refusal = "-ERR unreadable";
       t.faults().answers["NOOP"] = "-ERR gone";
     }},
    {"throttled within", Code::kThrottled, Ends::kStopsHalf,
     [](T& t) {
       t.faults().refuse_uids = {2};
       t.faults().refusal = "-ERR [IN-USE] elsewhere";
     }},
    {"a second answer smuggled in a message", Code::kOk, Ends::kRecovers,
     [](T& t) {
       t.inbox().Add("S: x\r\n\r\na\n.\r\n+OK 10\r\nS: evil\r\n\r\n", WallTime());
       t.inbox().Add("S: y\r\n\r\na\r.\r\n-ERR x\r\n", WallTime());
     }},
    {"a body behind -ERR", Code::kProtocol, Ends::kStopsHalf,
     [](T& t) {
       t.CanAfterLogin({"+OK\r\n1 a\r\n.\r\n", "+OK 1 5\r\n", "-ERR no\r\nSubject: x\r\n.\r\n"},
                       true);
     }},
    {"sizes are lies", Code::kOk, Ends::kRecovers,
     [](T& t) { t.faults().size_lie = int64_t{1} << 50; }},
    {"lines of megabytes", Code::kOk, Ends::kRecovers,
     [](T& t) { t.inbox().Add(std::string(900000, '.') + "\r\n", WallTime()); }},
    {"only dots", Code::kOk, Ends::kRecovers,
     [](T& t) {
       std::string raw;
       for (int i = 0; i < 10000; ++i) {
         raw += ".\r\n";
       }
       t.inbox().Add(raw, WallTime());
     }},
};

void RunAll(const std::vector<Case>& cases) {
  for (const Case& hostile : cases) {
    SCOPED_TRACE(hostile.name);
    HostileTest().Run(hostile);
  }
}

TEST(Pop3Hostile, LoginsFailClosedOrRecover) { RunAll(kLoginCases); }
TEST(Pop3Hostile, ListingsFailClosedOrRecover) { RunAll(kListingCases); }
TEST(Pop3Hostile, MessagesFailClosedOrRecover) { RunAll(kMessageCases); }

// A server that sends a byte every 50 s is never silent for command_timeout.
net::Task<void> Drip(std::unique_ptr<net::Stream> stream, std::string answer) {
  Status alive = co_await stream->Write("+OK\r\n");
  for (size_t i = 0; alive.ok(); ++i) {
    const TimePoint next = net::Loop::Current()->Now() + std::chrono::seconds(50);
    co_await net::SleepUntil(next);
    alive = co_await stream->Write(std::string_view(answer).substr(i % answer.size(), 1));
  }
  co_await stream->Close();
}

class DrippingServerTest : public SessionTest {};

TEST_F(DrippingServerTest, ALoginThatDripsEndsAtItsDeadline) {
  network_.Register(kHost, 995, [](std::unique_ptr<net::Stream> stream) {
    return Drip(std::move(stream), "+OK\r\nUSER\r\n");
  });
  EXPECT_EQ(Open().code(), Code::kTimeout);
  EXPECT_EQ(clock_.Now().time_since_epoch(), options_.command_timeout);
}

// Honest until RETR; its answer drips.
net::Task<void> DripMessage(std::unique_ptr<net::Stream> stream) {
  CannedServer honest;
  honest.replies = {"+OK\r\n", "+OK\r\nUSER\r\n.\r\n", "+OK\r\n",
                    "+OK\r\n", "+OK\r\n1 a\r\n.\r\n",  "+OK 1 5000\r\n"};
  std::vector<char> chunk(4096);
  Status alive;
  for (size_t i = 0; alive.ok() && i < honest.replies.size(); ++i) {
    alive = co_await stream->Write(honest.replies[i]);
    const Result<size_t> read = co_await stream->Read(chunk);
    alive = read.ok() && *read > 0 ? alive : Status(Code::kUnreachable, "gone");
  }
  co_await Drip(std::move(stream), "x");
}

TEST_F(DrippingServerTest, AMessageThatDripsIsAsGoodAsSilence) {
  network_.Register(kHost, 995, [](std::unique_ptr<net::Stream> stream) {
    return DripMessage(std::move(stream));
  });
  OpenInbox();
  EXPECT_EQ(FetchAll().code(), Code::kTimeout);
  EXPECT_LE(clock_.Now().time_since_epoch(), 2 * options_.command_timeout);
  EXPECT_TRUE(sink_.bodies.empty());
}

}  // namespace
}  // namespace mailhaul::pop3
