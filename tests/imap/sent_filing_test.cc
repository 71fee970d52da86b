#include "connectors/imap/sent_filing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/imap/session_fixture.h"

namespace mailhaul::imap {
namespace {

constexpr WallTime kDate{std::chrono::seconds(837596665)};

class SentFilingTest : public SessionTest {
 protected:
  ~SentFilingTest() override {
    if (filing_ != nullptr) {
      loop_.Await(filing_->Close());
    }
    // Nothing but these two may write.
    for (const std::string& command : server_.counters.WritingCommands()) {
      EXPECT_TRUE(command == "APPEND" || command == "CREATE") << command;
    }
    server_.counters.commands.clear();
  }
  void OpenFiling() {
    auto opened =
        loop_.Await(OpenSentFiling(dialer_, address_, credentials_, std::nullopt, options_));
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    filing_ = std::move(opened).value();
  }
  static FolderInfo Sent() {
    FolderInfo folder;
    folder.name = "Sent";
    folder.wire_name = "Sent";
    return folder;
  }
  Result<SentFiling::Copy> Append(const std::string& raw) {
    const MemoryByteSource source(raw);
    return loop_.Await(filing_->Append(Sent(), source, kDate, "<1@example.com>"));
  }
  test_support::ScriptedFolder& Folder() { return server_.Folder(kUser, "Sent"); }

  const std::string raw_ = "Message-ID: <1@example.com>\r\n\r\nhello {5}\r\nA9 DELETE INBOX\r\n";
  std::unique_ptr<SentFiling> filing_;
};

TEST_F(SentFilingTest, FilesSeenWithItsDateByteForByteWhateverTheLiterals) {
  const std::string large = raw_ + std::string(300'000, 'x');
  for (const char* literals : {"LITERAL+", "LITERAL-", "X-NONE"}) {
    server_.options.capabilities = {literals, "UIDPLUS"};
    OpenFiling();
    for (const std::string& raw : {raw_, large}) {
      Folder() = test_support::ScriptedFolder();
      Folder().uid_validity = 77;
      const Result<SentFiling::Copy> copy = Append(raw);
      ASSERT_TRUE(copy.ok()) << copy.status().ToString();
      EXPECT_EQ(copy->uid_validity, 77U);
      EXPECT_EQ(copy->uid, 1U);
      ASSERT_EQ(Folder().messages().size(), 1U);
      EXPECT_EQ(*Folder().messages()[0].raw, raw);
      EXPECT_EQ(Folder().messages()[0].flags, kFlagSeen);
      EXPECT_EQ(Folder().messages()[0].internal_date, kDate);
    }
    loop_.Await(filing_->Close());
    filing_.reset();
  }
}

TEST_F(SentFilingTest, WithoutUidplusTheCopyIsFoundByItsMessageId) {
  server_.options.capabilities = {};
  Folder().Add("Message-ID: <2@example.com>\r\n\r\n", WallTime());
  OpenFiling();
  const Result<SentFiling::Copy> copy = Append(raw_);
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(copy->uid, 2U);
}

TEST_F(SentFilingTest, FindsCopies) {
  Folder().Add(raw_, WallTime());
  Folder().Add("Message-ID: <2@example.com>\r\n\r\n", WallTime());
  OpenFiling();
  const auto found = loop_.Await(filing_->Find(Sent(), "<1@example.com>"));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->ToSequenceSet(), "1");
  EXPECT_TRUE(loop_.Await(filing_->Find(Sent(), "<3@example.com>")).value().empty());
  EXPECT_EQ(loop_.Await(filing_->Find(Sent(), "<a>\r\nA9 DELETE INBOX")).status().code(),
            Code::kInvalidArgument);
}

TEST_F(SentFilingTest, FindsOrCreatesTheFolder) {
  server_.options.capabilities = {"NAMESPACE", "CREATE-SPECIAL-USE", "SPECIAL-USE",
                                  "LIST-EXTENDED"};
  server_.options.namespaces = "((\"INBOX.\" \".\")) NIL NIL";
  OpenFiling();
  const auto missing = loop_.Await(filing_->FindFolder());
  ASSERT_TRUE(missing.ok());
  EXPECT_FALSE(missing->has_value());
  const auto created = loop_.Await(filing_->CreateFolder());
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(created->wire_name, "INBOX.Sent");
  EXPECT_EQ(server_.counters.lines.back(), "CREATE \"INBOX.Sent\" (USE (\\Sent))");
  EXPECT_EQ(loop_.Await(filing_->CreateFolder()).status().code(), Code::kAlreadyExists);
  server_.Folder(kUser, "INBOX.Sent").attributes = {"\\Sent"};
  const auto found = loop_.Await(filing_->FindFolder());
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->wire_name, "INBOX.Sent");
}

TEST_F(SentFilingTest, RefusalsAreToldApartAndLeaveTheConnectionUsable) {
  server_.options.capabilities = {"LITERAL+", "APPENDLIMIT=1000"};
  OpenFiling();
  EXPECT_EQ(Append(raw_).status().code(), Code::kNotFound);
  EXPECT_EQ(Append(std::string(1001, 'x')).status().code(), Code::kMessageRejected);
  server_.faults.answers["APPEND"] = "NO [OVERQUOTA] the mailbox is full";
  EXPECT_EQ(Append(raw_).status().code(), Code::kServerRefused);
  server_.faults.answers["APPEND"] = "NO [TOOBIG] too big";
  EXPECT_EQ(Append(raw_).status().code(), Code::kMessageRejected);
  server_.faults.answers.clear();
  Folder();
  EXPECT_TRUE(Append(raw_).ok());
}

TEST_F(SentFilingTest, AServerThatRefusesBeforeTheLiteralGetsNone) {
  canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", "%T NO [TRYCREATE] none\r\n"};
  canned_.stays = true;
  UseCanned();
  OpenFiling();
  EXPECT_EQ(Append(raw_).status().code(), Code::kNotFound);
  EXPECT_EQ(canned_.received.size(), 1U);
}

TEST_F(SentFilingTest, AConnectionThatBreaksAfterTheLastByteLeavesTheOutcomeUnknown) {
  server_.options.capabilities = {"LITERAL+"};
  Folder();
  server_.faults.append_cut = 1;
  OpenFiling();
  EXPECT_EQ(Append(raw_).status().code(), Code::kUnknownOutcome);
  EXPECT_EQ(Folder().messages().size(), 1U);
  loop_.Await(filing_->Close());
  server_.faults.append_cut = 100;
  OpenFiling();
  EXPECT_EQ(loop_.Await(filing_->Find(Sent(), "<1@example.com>")).value().size(), 1U);
}

TEST_F(SentFilingTest, AConnectionThatBreaksBeforeMeansThatThereIsNoCopy) {
  canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n"};
  UseCanned();
  OpenFiling();
  EXPECT_EQ(Append(raw_).status().code(), Code::kUnreachable);
}

TEST_F(SentFilingTest, AnAppendUidThatIsNoneIsNotBelieved) {
  for (const char* code : {"APPENDUID", "APPENDUID 0 5", "APPENDUID 5 0", "APPENDUID 1 2:9",
                           "APPENDUID 1 4294967296", "APPENDUID -1 5"}) {
    canned_ = CannedServer();
    canned_.replies = {"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hi\r\n"};
    canned_.stays = true;
    // The announcement and the lines of the message count as commands of the canned server.
    canned_.replies.insert(canned_.replies.end(), {"", "", "", ""});
    canned_.replies.push_back("A1 OK [" + std::string(code) + "] filed\r\n");
    UseCanned();
    OpenFiling();
    options_.command_timeout = std::chrono::seconds(5);
    const Result<SentFiling::Copy> copy = Append("a: b\r\n\r\nc\r\n");
    ASSERT_TRUE(copy.ok()) << copy.status().ToString();
    EXPECT_EQ(copy->uid, 0U) << code;
    loop_.Await(filing_->Close());
    filing_.reset();
    loop_.Await(network_.Drain());
  }
}

}  // namespace
}  // namespace mailhaul::imap
