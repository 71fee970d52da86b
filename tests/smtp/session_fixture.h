// A client against scripted submission servers: virtual time, memory network.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "connectors/dialer.h"
#include "connectors/net/virtual_loop.h"
#include "connectors/smtp/limits.h"
#include "connectors/smtp/smtp_session.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_smtp_server.h"

namespace mailhaul::smtp {

inline constexpr char kHost[] = "smtp.example.com";
inline constexpr char kUser[] = "alice";
inline constexpr char kPassword[] = "correct horse";
inline constexpr char kMessage[] =
    "Subject: hello\r\nFrom: alice@example.com\r\n\r\nBody\r\n.\r\n..dots\r\n";

// Counts, and can fail or act at the moment of the mark.
class RecordingObserver final : public SendObserver {
 public:
  explicit RecordingObserver(const test_support::ScriptedSmtpServer& server) : server_(server) {}
  net::Task<Status> BeforeEndOfData() override {
    ++calls;
    EXPECT_EQ(server_.counters.ends_of_data, ends_before) << "the mark came too late";
    if (action) {
      action();
    }
    co_return fail_with;
  }

  size_t calls = 0;
  uint64_t ends_before = 0;
  Status fail_with;
  std::function<void()> action;

 private:
  const test_support::ScriptedSmtpServer& server_;
};

class SmtpWorld final {
 public:
  explicit SmtpWorld(const test_support::MemoryNetworkOptions& network_options = {})
      : network(network_options, random), dialer(network, DialerOptions()), observer(server) {
    network.Register(kHost, 465, [this](std::unique_ptr<net::Stream> stream) {
      return test_support::ServeSmtp(std::move(stream), server);
    });
    address.host = kHost;
    address.port = 465;
    envelope.from = "alice@example.com";
    AddRecipient("bob@example.org");
  }
  ~SmtpWorld() {
    Close();
    loop.Await(network.Drain());
    EXPECT_EQ(server.counters.connections_open, 0U);
  }

  void AddRecipient(std::string recipient_address) {
    EnvelopeRecipient recipient;
    recipient.address = std::move(recipient_address);
    envelope.recipients.push_back(std::move(recipient));
  }
  void UseLogin() {
    credentials.username = kUser;
    credentials.password = Secret(kPassword);
    server.script.users[kUser] = kPassword;
    server.script.extensions.emplace_back("AUTH PLAIN LOGIN");
  }
  void UseStartTls() {
    address.security = Security::kStartTls;
    server.script.require_tls = true;
    server.script.extensions.emplace_back("STARTTLS");
  }
  void Offer(const std::vector<std::string>& extensions) { server.script.extensions = extensions; }

  Status Open() {
    Close();
    Result<std::unique_ptr<SmtpSession>> opened =
        loop.Await(OpenSmtpSession(dialer, address, credentials, std::nullopt, random, options));
    if (opened.ok()) {
      session = std::move(opened).value();
    }
    return opened.status();
  }
  void Close() {
    if (session != nullptr) {
      loop.Await(session->Close());
      session.reset();
    }
  }
  SendResult Send(std::string_view message = kMessage) {
    const MemoryByteSource bytes(message);
    ByteMessageSource source(bytes, *ScanMessage(bytes));
    observer.ends_before = server.counters.ends_of_data;
    return loop.Await(session->Send(envelope, source, observer));
  }
  SendResult OpenAndSend(std::string_view message = kMessage) {
    const Status opened = Open();
    EXPECT_TRUE(opened.ok()) << opened.ToString();
    return Send(message);
  }
  uint64_t Count(const std::string& verb) { return server.counters.commands[verb]; }

  net::VirtualClock clock{WallTime{}};
  net::VirtualLoop loop{clock};
  SeededRandom random{1};
  test_support::ScriptedSmtpServer server;
  test_support::MemoryNetwork network;
  Dialer dialer;
  ServerAddress address;
  Credentials credentials;
  SessionOptions options;
  Envelope envelope;
  RecordingObserver observer;
  std::unique_ptr<SmtpSession> session;
};

// With a world, and a client that keeps to the protocol to the letter.
class SmtpSessionTest : public ::testing::Test {
 protected:
  SmtpSessionTest() = default;
  ~SmtpSessionTest() override {
    EXPECT_EQ(world_.server.counters.violations, std::vector<std::string>());
    EXPECT_EQ(world_.server.counters.tls_required_broken, 0U);
  }
  test_support::ScriptedSmtpServer& server() { return world_.server; }

  SmtpWorld world_;
};

}  // namespace mailhaul::smtp
