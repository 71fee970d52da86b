// A client against scripted servers: virtual time, memory network, and a sink that keeps bodies.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "connectors/dialer.h"
#include "connectors/imap/imap_session.h"
#include "connectors/net/virtual_loop.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_mail_server.h"

namespace mailhaul::imap {

inline constexpr char kHost[] = "imap.example.com";
inline constexpr char kUser[] = "alice";
inline constexpr char kPassword[] = "correct horse \"battery\"";

// Keeps what it is given, and checks the order of the calls.
class KeepingSink final : public BodySink {
 public:
  bool TryReserve(std::span<const MessageMeta> messages) override {
    ++tries;
    if (refuse_try) {
      return false;
    }
    reserved += messages.size();
    return true;
  }
  net::Task<Status> Reserve(std::span<const MessageMeta> messages) override {
    ++reserves;
    reserved += messages.size();
    co_return Status::Ok();
  }
  net::Task<Status> BeginBody(const MessageMeta& meta, std::optional<uint64_t> size) override {
    open_uid_ = meta.uid;
    EXPECT_TRUE(size.has_value());
    size_ = size.value_or(0);
    open_.clear();
    ++begun;
    co_return fail_with;
  }
  net::Task<Status> AppendBody(std::string_view bytes) override {
    EXPECT_NE(open_uid_, 0U);
    EXPECT_FALSE(bytes.empty());
    open_ += bytes;
    co_return Status::Ok();
  }
  net::Task<Status> EndBody() override {
    EXPECT_EQ(open_.size(), size_);
    EXPECT_TRUE(bodies.emplace(open_uid_, open_).second) << "doubled: " << open_uid_;
    order.push_back(open_uid_);
    open_uid_ = 0;
    co_return Status::Ok();
  }
  void NoBody(const MessageMeta& meta, const Status& why) override {
    EXPECT_TRUE(refused.emplace(meta.uid, why).second) << "doubled: " << meta.uid;
  }

  bool refuse_try = false;
  Status fail_with;
  size_t tries = 0;
  size_t reserves = 0;
  size_t reserved = 0;
  size_t begun = 0;
  std::map<Uid, std::string> bodies;
  std::map<Uid, Status> refused;
  std::vector<Uid> order;

 private:
  Uid open_uid_ = 0;
  uint64_t size_ = 0;
  std::string open_;
};

// Answers the n-th command with the n-th of `replies`, in which %T is the command's tag; the first
// is the greeting. After the last it closes, or stays silent if `stays`.
struct CannedServer {
  std::vector<std::string> replies;
  bool stays = false;
  std::vector<std::string> received;
};

inline net::Task<void> ServeCanned(std::unique_ptr<net::Stream> stream, CannedServer& server) {
  std::string input;
  std::vector<char> chunk(4096);
  std::string tag;
  for (size_t i = 0; i < server.replies.size() || server.stays;) {
    if (i < server.replies.size()) {
      std::string reply = server.replies[i];
      for (size_t at = reply.find("%T"); at != std::string::npos; at = reply.find("%T")) {
        reply.replace(at, 2, tag);
      }
      const Status written = co_await stream->Write(reply);
      if (!written.ok()) {
        break;
      }
    }
    if (++i >= server.replies.size() && !server.stays) {
      break;
    }
    Status gone;
    while (gone.ok() && input.find("\r\n") == std::string::npos) {
      Result<size_t> bytes = co_await stream->Read(chunk);
      if (!bytes.ok() || *bytes == 0) {
        gone = Status(Code::kUnreachable, "gone");
      } else {
        input.append(chunk.data(), *bytes);
      }
    }
    if (!gone.ok()) {
      break;
    }
    const std::string line = input.substr(0, input.find("\r\n"));
    input.erase(0, line.size() + 2);
    server.received.push_back(line);
    tag = line.substr(0, line.find(' '));
  }
  co_await stream->Close();
}

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : SessionTest(test_support::MemoryNetworkOptions()) {}
  explicit SessionTest(const test_support::MemoryNetworkOptions& network_options)
      : network_(network_options, random_), dialer_(network_, DialerOptions()) {
    server_.AddAccount(kUser, kPassword);
    network_.RegisterImap(kHost, 993, server_);
    address_.host = kHost;
    address_.port = 993;
    credentials_.username = kUser;
    credentials_.password = Secret(kPassword);
  }
  ~SessionTest() override {
    if (session_ != nullptr) {
      CloseSession();
    }
    loop_.Await(network_.Drain());
    EXPECT_EQ(server_.counters.connections_open, 0U);
    EXPECT_EQ(server_.counters.WritingCommands(), std::vector<std::string>());
  }

  // All later connections are served from canned_.
  void UseCanned() {
    network_.Register(kHost, 993, [this](std::unique_ptr<net::Stream> stream) {
      return ServeCanned(std::move(stream), canned_);
    });
  }
  void CloseSession() {
    loop_.Await(session_->Close());
    session_.reset();
  }
  Status Open() {
    Result<std::unique_ptr<SourceSession>> opened =
        loop_.Await(OpenImapSession(dialer_, address_, credentials_, std::nullopt, options_));
    if (opened.ok()) {
      session_ = std::move(opened).value();
    }
    return opened.status();
  }
  void OpenInbox() {
    const Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    const Result<OpenedFolder> folder = loop_.Await(session_->OpenFolder(Inbox(), nullptr));
    ASSERT_TRUE(folder.ok()) << folder.status().ToString();
  }
  static FolderInfo Inbox() {
    FolderInfo folder;
    folder.name = "INBOX";
    folder.wire_name = "INBOX";
    return folder;
  }
  // `count` different messages in INBOX, and their metadata as FetchMeta() would give it.
  std::vector<MessageMeta> Fill(size_t count, size_t bytes = 100) {
    std::vector<MessageMeta> metas;
    for (size_t i = 0; i < count; ++i) {
      std::string raw = "Subject: " + std::to_string(i) + "\r\n\r\n";
      raw.resize(std::max(raw.size(), bytes), 'x');
      MessageMeta meta;
      meta.size = raw.size();
      meta.uid = server_.Folder(kUser).Add(std::move(raw), WallTime(std::chrono::seconds(i)));
      metas.push_back(std::move(meta));
    }
    return metas;
  }
  Status FetchBodies(const std::vector<MessageMeta>& metas) {
    return loop_.Await(session_->FetchBodies(metas, sink_));
  }
  // All of INBOX lies in the sink, byte for byte.
  void ExpectAllDelivered() {
    for (const test_support::ScriptedMessage& message : server_.Folder(kUser).messages()) {
      ASSERT_EQ(sink_.bodies.count(message.uid), 1U) << message.uid;
      EXPECT_EQ(sink_.bodies[message.uid], *message.raw) << message.uid;
    }
    EXPECT_TRUE(sink_.refused.empty());
  }

  net::VirtualClock clock_{WallTime{}};
  net::VirtualLoop loop_{clock_};
  SeededRandom random_{1};
  test_support::ScriptedMailServer server_;
  CannedServer canned_;
  test_support::MemoryNetwork network_;
  Dialer dialer_;
  ServerAddress address_;
  Credentials credentials_;
  SessionOptions options_;
  KeepingSink sink_;
  std::unique_ptr<SourceSession> session_;
};

}  // namespace mailhaul::imap
