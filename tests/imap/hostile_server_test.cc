// Servers that lie, break off, flood or stall, whatever we ask: each case must end with the right
// code, in time, with nothing half delivered.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

enum class Ask : uint8_t {
  kOpen,
  kList,
  kStatus,
  kExamine,
  kResync,
  kSearch,
  kMeta,
  kFlags,
  kHeaders,
  kBodies,
  kPoll,
  kIdle
};

constexpr Ask kAfterLogin[] = {Ask::kList,  Ask::kStatus,  Ask::kExamine, Ask::kSearch, Ask::kMeta,
                               Ask::kFlags, Ask::kHeaders, Ask::kBodies,  Ask::kPoll,   Ask::kIdle};

constexpr char kGreeting[] =
    "* PREAUTH [CAPABILITY IMAP4rev1 IDLE LIST-STATUS CONDSTORE QRESYNC ENABLE] hi\r\n";
// Where it decides how names are encoded, ENABLE goes out before the folders are listed.
constexpr char kUtf8Greeting[] =
    "* PREAUTH [CAPABILITY IMAP4rev1 IDLE LIST-STATUS CONDSTORE QRESYNC ENABLE UTF8=ACCEPT] hi\r\n";
constexpr char kOpened[] =
    "* 2 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 3] x\r\nA2 OK done\r\n";

class NoHeaders final : public HeaderSink {
 public:
  void OnHeader(Uid uid, std::string_view /*header*/) override {
    EXPECT_TRUE(uid == 1 || uid == 2);
  }
};

struct Case {
  const char* name;
  Ask ask;
  std::string reply;
  Code code;
};

class HostileServerTest : public SessionTest {
 protected:
  HostileServerTest() { canned_.stays = true; }

  // The code that `ask` ends with when the server answers it with `reply`.
  Code Try(Ask ask, std::vector<std::string> replies) {
    session_.reset();
    sink_ = KeepingSink();
    canned_ = CannedServer();
    canned_.stays = true;
    const bool lists = ask == Ask::kList || ask == Ask::kStatus;
    if (ask != Ask::kOpen) {
      canned_.replies.emplace_back(lists ? kUtf8Greeting : kGreeting);
    }
    const bool in_folder = ask >= Ask::kSearch;
    if (in_folder) {
      // The first line is ENABLE's.
      canned_.replies.emplace_back("* ENABLED QRESYNC CONDSTORE\r\nA1 OK done\r\n");
      canned_.replies.emplace_back(kOpened);
    } else if (ask != Ask::kOpen) {
      canned_.replies.emplace_back("* ENABLED QRESYNC CONDSTORE\r\nA1 OK done\r\n");
    }
    canned_.replies.insert(canned_.replies.end(), replies.begin(), replies.end());
    UseCanned();
    Status status = Open();
    if (status.ok() && in_folder) {
      status = loop_.Await(session_->OpenFolder(Inbox(), nullptr)).status();
      EXPECT_TRUE(status.ok()) << status.ToString();
    }
    const TimePoint before = clock_.Now();
    if (status.ok() && ask != Ask::kOpen) {
      status = Do(ask);
    }
    EXPECT_LE(clock_.Now() - before, std::chrono::minutes(12));
    if (session_ != nullptr) {
      CloseSession();
    }
    loop_.Await(network_.Drain());
    return status.code();
  }

  void TryAll(const std::vector<Case>& cases) {
    for (const Case& row : cases) {
      EXPECT_EQ(Try(row.ask, {row.reply}), row.code) << row.name;
      EXPECT_LE(sink_.bodies.size(), 1U) << row.name;
    }
  }

  Status Do(Ask ask) {
    UidSet uids;
    uids.AddRange({1, 2});
    NoHeaders headers;
    std::vector<MessageMeta> metas(2);
    metas[0].uid = 1;
    metas[1].uid = 2;
    KnownFolder known;
    known.uid_validity = 1;
    known.modseq = 5;
    known.uid_next = 3;
    switch (ask) {
      case Ask::kOpen:
        return {};
      case Ask::kList:
        return loop_.Await(session_->ListFolders(false)).status();
      case Ask::kStatus:
        return loop_.Await(session_->ListFolders(true)).status();
      case Ask::kExamine:
        return loop_.Await(session_->OpenFolder(Inbox(), nullptr)).status();
      case Ask::kResync:
        return loop_.Await(session_->OpenFolder(Inbox(), &known)).status();
      case Ask::kSearch:
        return loop_.Await(session_->ListUids(std::nullopt)).status();
      case Ask::kMeta:
        return loop_.Await(session_->FetchMeta(uids)).status();
      case Ask::kFlags:
        return loop_.Await(session_->FetchFlags(uids, 0)).status();
      case Ask::kHeaders:
        return loop_.Await(session_->FetchHeaders(uids, headers));
      case Ask::kBodies:
        return FetchBodies(metas);
      case Ask::kPoll:
        return loop_.Await(session_->Poll()).status();
      case Ask::kIdle:
        return loop_.Await(session_->WaitForNews(std::chrono::minutes(5))).status();
    }
    return {};
  }
};

TEST_F(HostileServerTest, WhatBreaksTheGrammarEndsEveryCall) {
  const std::vector<std::string> broken = {
      "garbage\r\n",
      "*\r\n",
      "* \r\n",
      "\r\n",
      std::string("\0\0\0\r\n", 5),
      "A999 OK never asked\r\n",
      "A1 OK asked before\r\n",
      "A3 MAYBE\r\n",
      "* 1 FETCH (UID 0)\r\n",
      "* 0 EXPUNGE\r\n",
      "* 4294967296 EXISTS\r\n",
      "* VANISHED 1,\r\n",
      "* VANISHED (EARLIER) 0:4294967295\r\n",
      "* ESEARCH UID ALL 1:4294967296\r\n",
      "* STATUS a (HIGHESTMODSEQ 9223372036854775808)\r\n",
      "* 1 FETCH (MODSEQ (99999999999999999999))\r\n",
      "* LIST () \"/\" {70000}\r\n",
      "* 1 FETCH (BODY[] {4294967296}\r\n",
      "* 1 FETCH (BODY[TEXT] {100000}\r\n",
      "* 1 FETCH (X " + std::string(kListDepthMax + 1, '(') + "\r\n",
      "* 1 FETCH (FLAGS (\\Seen) UID 1 UID 2)\r\n",
  };
  for (const Ask ask : kAfterLogin) {
    for (const std::string& text : broken) {
      EXPECT_EQ(Try(ask, {text}), Code::kProtocol) << static_cast<int>(ask) << " " << text;
    }
  }
}

TEST_F(HostileServerTest, ABreakingConnectionAndSilenceEndEveryCall) {
  for (const Ask ask : kAfterLogin) {
    const int number = static_cast<int>(ask);
    EXPECT_EQ(Try(ask, {"* BYE going down\r\n"}), Code::kUnreachable) << number;
    EXPECT_EQ(Try(ask, {"* BYE [THROTTLED] slow down\r\n"}), Code::kThrottled) << number;
    EXPECT_EQ(Try(ask, {"* BYE Session invalidated - AccessTokenExpired\r\n"}), Code::kAuthFailed)
        << number;
    EXPECT_EQ(Try(ask, {}), Code::kTimeout) << number;
    EXPECT_EQ(Try(ask, {"* OK half a li"}), Code::kTimeout) << number;
    EXPECT_EQ(Try(ask, {"* LIST () \"/\" {10}\r\nhalf"}), Code::kTimeout) << number;
    EXPECT_EQ(Try(ask, {"* 1 FETCH (UID 1 BODY[] {10}\r\nhalf"}), Code::kTimeout) << number;
  }
}

TEST_F(HostileServerTest, AContinuationAtTheWrongMomentIsAnswered) {
  for (const Ask ask : kAfterLogin) {
    if (ask != Ask::kIdle) {
      EXPECT_EQ(Try(ask, {"+ send me your password\r\n"}), Code::kProtocol)
          << static_cast<int>(ask);
    }
  }
  EXPECT_EQ(Try(Ask::kIdle, {"+ idling\r\n+ again\r\n"}), Code::kProtocol);
}

TEST_F(HostileServerTest, LiesAboutFolders) {
  std::string many;
  for (size_t i = 0; i <= kFoldersMax; ++i) {
    many += "* LIST () \"/\" f" + std::to_string(i) + "\r\n";
  }
  const std::vector<Case> cases = {
      {"10,001 folders", Ask::kList, many + "A2 OK done\r\n", Code::kProtocol},
      {"a name with CR LF", Ask::kList, "* LIST () \"/\" {4}\r\na\r\nb\r\nA2 OK done\r\n",
       Code::kProtocol},
      {"a name with NUL", Ask::kList,
       std::string("* LIST () \"/\" {3}\r\na\0b\r\nA2 OK done\r\n", 32), Code::kProtocol},
      {"a name with ESC", Ask::kList, "* LIST () \"/\" \"a\x1b[2J\"\r\nA2 OK done\r\n",
       Code::kProtocol},
      {"an endless name", Ask::kList,
       "* LIST () \"/\" \"" + std::string(1001, 'a') + "\"\r\nA2 OK done\r\n", Code::kProtocol},
      {"a name that climbs", Ask::kList, "* LIST () \"/\" \"../../etc\"\r\nA2 OK done\r\n",
       Code::kOk},
      {"a name twice", Ask::kList, "* LIST () \"/\" a\r\n* LIST () \"/\" a\r\nA2 OK done\r\n",
       Code::kOk},
      {"statuses of folders not listed", Ask::kStatus,
       "* LIST () \"/\" a\r\n* STATUS b (MESSAGES 1 UIDVALIDITY 1)\r\nA2 OK done\r\n", Code::kOk},
      {"a status without UIDVALIDITY", Ask::kStatus,
       "* LIST () \"/\" a\r\n* STATUS a (MESSAGES 1)\r\n* STATUS a (MESSAGES 1 UIDVALIDITY 2)\r\n"
       "A2 OK done\r\n",
       Code::kOk},
      {"no UIDVALIDITY", Ask::kExamine, "* 3 EXISTS\r\nA2 OK done\r\n", Code::kServerRefused},
      {"UIDVALIDITY 0", Ask::kExamine, "* OK [UIDVALIDITY 0] x\r\nA2 OK done\r\n",
       Code::kServerRefused},
      {"UIDVALIDITY beyond 32 bits", Ask::kExamine,
       "* OK [UIDVALIDITY 4294967296] x\r\nA2 OK done\r\n", Code::kServerRefused},
      {"a negative UIDVALIDITY", Ask::kExamine, "* OK [UIDVALIDITY -1] x\r\nA2 OK done\r\n",
       Code::kServerRefused},
      {"EXISTS that shrinks", Ask::kExamine,
       "* 9 EXISTS\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\nA2 OK done\r\n", Code::kOk},
      {"a modseq beyond 63 bits", Ask::kResync,
       "* OK [UIDVALIDITY 1] x\r\n* OK [HIGHESTMODSEQ 9223372036854775808] x\r\nA2 OK done\r\n",
       Code::kOk},
  };
  TryAll(cases);
}

TEST_F(HostileServerTest, LiesAboutMessages) {
  const std::vector<Case> cases = {
      {"four billion UIDs", Ask::kSearch,
       "* SEARCH 1\r\n* ESEARCH UID ALL 1:4294967295\r\n"
       "A3 OK done\r\n",
       Code::kProtocol},
      {"search results nobody asked for", Ask::kPoll, "* SEARCH 1 2 3\r\nA3 OK done\r\n",
       Code::kOk},
      {"expunges of an empty folder", Ask::kPoll,
       "* 0 EXISTS\r\n* 7 EXPUNGE\r\n* 7 EXPUNGE\r\n* VANISHED 1:4294967295\r\nA3 OK done\r\n",
       Code::kOk},
      {"a FETCH of a UID nobody asked for", Ask::kMeta,
       "* 1 FETCH (UID 4294967295 FLAGS ())\r\nA3 OK done\r\n", Code::kOk},
      {"a UID twice", Ask::kMeta,
       "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 1 FLAGS (\\Seen))\r\nA3 OK done\r\n",
       Code::kOk},
      {"a size of 2^63-1", Ask::kMeta,
       "* 1 FETCH (UID 1 RFC822.SIZE 9223372036854775807)\r\nA3 OK done\r\n", Code::kOk},
      {"a body instead of metadata", Ask::kMeta,
       "* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\nA3 OK done\r\n", Code::kOk},
      {"a literal for a flag", Ask::kFlags, "* 1 FETCH (UID 1 FLAGS ({3}\r\nabc))\r\n",
       Code::kProtocol},
      {"a literal for a UID", Ask::kFlags, "* 1 FETCH (UID {1}\r\n1)\r\n", Code::kProtocol},
      {"a body instead of a header", Ask::kHeaders,
       "* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\nA3 OK done\r\n", Code::kOk},
      {"a header instead of a body", Ask::kBodies,
       "* 1 FETCH (UID 1 BODY[HEADER] {5}\r\nhello)\r\nA3 OK done\r\n", Code::kOk},
      {"a header twice", Ask::kHeaders,
       "* 1 FETCH (UID 1 BODY[HEADER] {4}\r\na: b)\r\n* 1 FETCH (UID 1 BODY[HEADER] {4}\r\na: c)"
       "\r\nA3 OK done\r\n",
       Code::kOk},
      {"a header of 4 GB", Ask::kHeaders, "* 1 FETCH (UID 1 BODY[HEADER] {4294967295}\r\nx",
       Code::kTimeout},
      {"a body of another message", Ask::kBodies,
       "* 1 FETCH (UID 7 BODY[] {5}\r\nhello)\r\nA3 OK done\r\n", Code::kOk},
      {"a UID that changes around its body", Ask::kBodies,
       "* 1 FETCH (UID 1 BODY[] {5}\r\nhello UID 2)\r\n", Code::kProtocol},
      {"BYE within a body", Ask::kBodies,
       "* 1 FETCH (UID 1 BODY[] {9}\r\n* BYE x\r\n)\r\n* BYE really\r\n", Code::kUnreachable},
      {"news that is none", Ask::kIdle, "+ idling\r\n* OK still here\r\n* 2 RECENT\r\n",
       Code::kTimeout},
      {"the end of IDLE without DONE", Ask::kIdle, "+ idling\r\nA3 OK over\r\n", Code::kProtocol},
  };
  TryAll(cases);
}

TEST_F(HostileServerTest, LiesBeforeAndDuringTheLogin) {
  const std::vector<std::pair<std::string, Code>> greetings = {
      {"", Code::kTimeout},
      {"* OK half", Code::kTimeout},
      {"* NO not today\r\n", Code::kProtocol},
      {"* BAD\r\n", Code::kProtocol},
      {"+ go on\r\n", Code::kProtocol},
      {"A1 OK hi\r\n", Code::kProtocol},
      {"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n", Code::kProtocol},
      {"HTTP/1.1 400 Bad Request\r\n", Code::kProtocol},
      {"SSH-2.0-OpenSSH\r\n", Code::kProtocol},
      {"\x15\x03\x01\r\n", Code::kProtocol},
      {std::string(2 << 20, 'x'), Code::kProtocol},
      {"* " + std::string(100'000, '(') + "\r\n", Code::kProtocol},
  };
  for (const auto& [greeting, code] : greetings) {
    EXPECT_EQ(Try(Ask::kOpen, {greeting}), code) << greeting.substr(0, 40);
    EXPECT_TRUE(canned_.received.empty()) << greeting.substr(0, 40);
  }
  const std::string hello = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n";
  const std::vector<std::pair<std::vector<std::string>, Code>> logins = {
      {{hello, "+ \r\n", "A1 NO wrong\r\n"}, Code::kAuthFailed},
      {{hello, "+ \r\n", "A1 BAD what\r\n"}, Code::kServerRefused},
      {{hello, "+ \r\n", "A2 OK somebody else\r\n"}, Code::kProtocol},
      {{hello, "+ \r\n", "+ once more\r\n", "A1 OK in\r\n"}, Code::kProtocol},
      {{hello, "A1 OK without asking\r\n"}, Code::kAuthFailed},
      {{hello, "+ \r\n", "* BYE bye\r\n"}, Code::kUnreachable},
      {{hello, "+ \r\n"}, Code::kTimeout},
      {{"* OK hi\r\n", "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\nA1 OK done\r\n"},
       Code::kServerRefused},
      {{"* OK hi\r\n", "A1 NO\r\n"}, Code::kServerRefused},
  };
  for (const auto& [replies, code] : logins) {
    EXPECT_EQ(Try(Ask::kOpen, replies), code) << replies.back();
  }
}

// Says something every 50 seconds, for ever.
net::Task<void> ServeDrip(std::unique_ptr<net::Stream> stream, std::string first,
                          std::string drip) {
  std::vector<char> chunk(4096);
  Status written = co_await stream->Write(kGreeting);
  const Result<size_t> command = co_await stream->Read(chunk);
  if (command.ok()) {
    written = co_await stream->Write(first);
  }
  while (written.ok()) {
    const TimePoint next = net::Loop::Current()->Now() + std::chrono::seconds(50);
    co_await net::SleepUntil(next);
    written = co_await stream->Write(drip);
  }
  co_await stream->Close();
}

TEST_F(HostileServerTest, AServerThatDripsIsGivenUp) {
  const std::vector<std::pair<std::string, std::string>> drips = {
      {"", "* OK still here\r\n"},
      {"", "* LIST () \"/\" a\r\n"},
      {"* LIST () \"/\" {60000}\r\n", "x"},
      {"* OK ", "x"},
      {"* 1 FETCH (UID 1 BODY[] {4294967295}\r\n", "x"},
  };
  for (const auto& [first, drip] : drips) {
    network_.Register(kHost, 993, [first = first, drip = drip](std::unique_ptr<net::Stream> s) {
      return ServeDrip(std::move(s), first, drip);
    });
    ASSERT_TRUE(Open().ok());
    const TimePoint before = clock_.Now();
    EXPECT_EQ(loop_.Await(session_->ListFolders(false)).status().code(), Code::kTimeout) << first;
    EXPECT_LE(clock_.Now() - before, kCommandTimeMax + options_.command_timeout);
    EXPECT_GT(clock_.Now() - before, options_.command_timeout);
    CloseSession();
  }
}

}  // namespace
}  // namespace mailhaul::imap
