// A client against scripted POP3 servers: virtual time, memory network, a directory in memory and a
// sink that keeps bodies.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "connectors/dialer.h"
#include "connectors/net/virtual_loop.h"
#include "connectors/pop3/pop3_session.h"
#include "tests/support/fake_uidl_directory.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_mail_server.h"
#include "tests/support/scripted_pop3_server.h"

namespace mailhaul::pop3 {

inline constexpr char kHost[] = "pop.example.com";
inline constexpr char kUser[] = "alice";
inline constexpr char kPassword[] = "correct horse battery";

// Keeps what it is given, and checks the order of the calls.
class KeepingSink final : public BodySink {
 public:
  bool TryReserve(std::span<const MessageMeta> messages) override {
    ++tries;
    reserved += refuse_try ? 0 : messages.size();
    return !refuse_try;
  }
  net::Task<Status> Reserve(std::span<const MessageMeta> messages) override {
    ++reserves;
    reserved += messages.size();
    co_return Status::Ok();
  }
  net::Task<Status> BeginBody(const MessageMeta& meta, std::optional<uint64_t> size) override {
    open_uid_ = meta.uid;
    size_ = size;
    open_.clear();
    ++begun;
    unsized += size.has_value() ? 0 : 1;
    co_return fail_with;
  }
  net::Task<Status> AppendBody(std::string_view bytes) override {
    EXPECT_NE(open_uid_, 0U);
    EXPECT_FALSE(bytes.empty());
    open_ += bytes;
    co_return Status::Ok();
  }
  net::Task<Status> EndBody() override {
    EXPECT_EQ(open_.size(), size_.value_or(open_.size()));
    EXPECT_TRUE(bodies.emplace(open_uid_, open_).second) << "doubled: " << open_uid_;
    order.push_back(open_uid_);
    open_uid_ = 0;
    co_return Status::Ok();
  }
  void NoBody(const MessageMeta& meta, const Status& why) override {
    open_uid_ = open_uid_ == meta.uid ? 0 : open_uid_;
    EXPECT_TRUE(refused.emplace(meta.uid, why).second) << "doubled: " << meta.uid;
  }

  bool refuse_try = false;
  Status fail_with;
  size_t tries = 0;
  size_t reserves = 0;
  size_t reserved = 0;
  size_t begun = 0;
  size_t unsized = 0;
  std::map<Uid, std::string> bodies;
  std::map<Uid, Status> refused;
  std::vector<Uid> order;

 private:
  Uid open_uid_ = 0;
  std::optional<uint64_t> size_;
  std::string open_;
};

// Greets with the first of `replies` and answers every command line with the next. After the last
// it closes, or stays silent if `stays`.
struct CannedServer {
  std::vector<std::string> replies;
  bool stays = false;
  std::vector<std::string> received;
};

inline net::Task<void> ServeCanned(std::unique_ptr<net::Stream> stream, CannedServer& server) {
  std::string input;
  std::vector<char> chunk(4096);
  Status gone;
  for (size_t i = 0; gone.ok() && (i < server.replies.size() || server.stays); ++i) {
    if (i < server.replies.size()) {
      gone = co_await stream->Write(server.replies[i]);
    }
    if (i + 1 >= server.replies.size() && !server.stays) {
      break;
    }
    while (gone.ok() && input.find("\r\n") == std::string::npos) {
      Result<size_t> bytes = co_await stream->Read(chunk);
      if (!bytes.ok() || *bytes == 0) {
        gone = Status(Code::kUnreachable, "gone");
      } else {
        input.append(chunk.data(), *bytes);
      }
    }
    if (gone.ok()) {
      server.received.push_back(input.substr(0, input.find("\r\n")));
      input.erase(0, server.received.back().size() + 2);
    }
  }
  co_await stream->Close();
}

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : SessionTest(test_support::MemoryNetworkOptions()) {}
  explicit SessionTest(const test_support::MemoryNetworkOptions& network_options)
      : network_(network_options, random_), dialer_(network_, DialerOptions()) {
    server_.AddAccount(kUser, kPassword);
    network_.Register(kHost, 995, [this](std::unique_ptr<net::Stream> stream) {
      return test_support::ServePop3Connection(std::move(stream), server_, script_);
    });
    address_.host = kHost;
    address_.port = 995;
    credentials_.username = kUser;
    credentials_.password = Secret(kPassword);
  }
  ~SessionTest() override {
    if (session_ != nullptr) {
      CloseSession();
    }
    loop_.Await(network_.Drain());
    EXPECT_EQ(server_.counters.connections_open, 0U);
    EXPECT_EQ(server_.counters.commands.count("DELE"), 0U);
    EXPECT_EQ(server_.counters.commands.count("RSET"), 0U);
  }

  // All later connections are served from canned_.
  void UseCanned() {
    network_.Register(kHost, 995, [this](std::unique_ptr<net::Stream> stream) {
      return ServeCanned(std::move(stream), canned_);
    });
  }
  void CloseSession() {
    loop_.Await(session_->Close());
    session_.reset();
  }
  Status Open() {
    if (session_ != nullptr) {
      CloseSession();
    }
    Result<OpenedPop3Session> opened = loop_.Await(OpenPop3Session(
        dialer_, directory_, random_, address_, credentials_, std::nullopt, options_));
    if (opened.ok()) {
      login_delay_ = opened->login_delay;
      expire_days_ = opened->expire_days;
      session_ = std::move(opened->session);
    }
    return opened.status();
  }
  static FolderInfo Inbox() {
    FolderInfo folder;
    folder.name = "INBOX";
    folder.wire_name = "INBOX";
    return folder;
  }
  Status TryOpenInbox() {
    const Status opened = Open();
    if (!opened.ok()) {
      return opened;
    }
    return loop_.Await(session_->OpenFolder(Inbox(), nullptr)).status();
  }
  void OpenInbox() {
    const Status opened = TryOpenInbox();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
  }
  void Reopen() {
    CloseSession();
    OpenInbox();
  }
  Result<UidSet> ListUids(std::optional<WallTime> since = std::nullopt) {
    return loop_.Await(session_->ListUids(since));
  }
  std::string Listed(std::optional<WallTime> since = std::nullopt) {
    const Result<UidSet> uids = ListUids(since);
    return uids.ok() ? uids->ToSequenceSet() : uids.status().ToString();
  }
  // Of all that is listed.
  Result<std::vector<MessageMeta>> FetchMeta() {
    const Result<UidSet> uids = ListUids();
    return uids.ok() ? loop_.Await(session_->FetchMeta(*uids)) : uids.status();
  }
  Status FetchBodies(const std::vector<MessageMeta>& metas) {
    return loop_.Await(session_->FetchBodies(metas, sink_));
  }
  // What a visit does: all that is listed and not in the sink yet.
  Status FetchAll() {
    Result<std::vector<MessageMeta>> metas = FetchMeta();
    if (!metas.ok()) {
      return metas.status();
    }
    std::erase_if(*metas, [this](const MessageMeta& meta) {
      return sink_.bodies.count(meta.uid) > 0 || sink_.refused.count(meta.uid) > 0;
    });
    return FetchBodies(*metas);
  }
  // `count` different messages in INBOX.
  void Fill(size_t count, size_t bytes = 100) {
    for (size_t i = 0; i < count; ++i) {
      std::string raw = "Subject: " + std::to_string(i) + "\r\n\r\n";
      raw.resize(std::max(raw.size(), bytes - 2), 'x');
      server_.Folder(kUser).Add(raw + "\r\n", WallTime(std::chrono::seconds(i)));
    }
  }
  // Every message of INBOX lies in the sink, byte for byte, once for each copy.
  void ExpectAllDelivered() {
    std::multiset<std::string> held;
    for (const test_support::ScriptedMessage& message : server_.Folder(kUser).messages()) {
      held.insert(*message.raw);
    }
    std::multiset<std::string> got;
    for (const auto& [uid, body] : sink_.bodies) {
      got.insert(body);
    }
    EXPECT_TRUE(got == held) << got.size() << " of " << held.size();
    EXPECT_TRUE(sink_.refused.empty());
  }
  uint64_t Commands(const std::string& verb) { return server_.counters.commands[verb]; }

  net::VirtualClock clock_{WallTime{}};
  net::VirtualLoop loop_{clock_};
  SeededRandom random_{1};
  test_support::ScriptedMailServer server_;
  test_support::Pop3Script script_;
  test_support::FakeUidlDirectory directory_;
  CannedServer canned_;
  test_support::MemoryNetwork network_;
  Dialer dialer_;
  ServerAddress address_;
  Credentials credentials_;
  SessionOptions options_;
  KeepingSink sink_;
  std::unique_ptr<SourceSession> session_;
  std::chrono::seconds login_delay_{0};
  std::optional<uint32_t> expire_days_;
};

}  // namespace mailhaul::pop3
