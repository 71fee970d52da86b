// Submits files over one session of connectors/smtp, for smtp_test.py.
//
//   SMTP_PASSWORD=... smtp_submit HOST PORT (tls|starttls) CA_FILE USER FROM TO,TO (bdat|data)
//   FILE...
//
// Prints one line of "extensions ...", then for each file "STATE CODE OBSTACLE MARKS REPLY" and one
// line "rcpt (accepted|refused) REPLY" for each recipient. Exits 1 when the session does not open,
// and says why.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "connectors/net/uv_network.h"
#include "connectors/smtp/smtp_session.h"
#include "tests/net/uv_runner.h"

namespace mailhaul::smtp {
namespace {

struct Arguments {
  ServerAddress server;
  std::string ca_file;
  Credentials credentials;
  Envelope envelope;
  SessionOptions options;
  std::vector<std::string> files;
};

class CountingObserver final : public SendObserver {
 public:
  net::Task<Status> BeforeEndOfData() override {
    ++marks;
    co_return Status::Ok();
  }
  int marks = 0;
};

Arguments ParseArguments(std::span<char*> words) {
  Arguments arguments;
  arguments.server.host = words[1];
  arguments.server.port = static_cast<uint16_t>(std::strtoul(words[2], nullptr, 10));
  arguments.server.security = std::string(words[3]) == "tls" ? Security::kTls : Security::kStartTls;
  arguments.ca_file = words[4];
  arguments.credentials.username = words[5];
  const char* const password = std::getenv("SMTP_PASSWORD");
  arguments.credentials.password = Secret(password == nullptr ? "" : password);
  arguments.envelope.from = words[6];
  std::istringstream list(words[7]);
  for (std::string address; std::getline(list, address, ',');) {
    EnvelopeRecipient recipient;
    recipient.address = address;
    arguments.envelope.recipients.push_back(std::move(recipient));
  }
  arguments.options.use_chunking = std::string(words[8]) == "bdat";
  arguments.files.assign(words.begin() + 9, words.end());
  return arguments;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void PrintExtensions(const Extensions& extensions) {
  std::cout << "extensions" << (extensions.pipelining ? " pipelining" : "")
            << (extensions.chunking ? " chunking" : "")
            << (extensions.eight_bit_mime ? " 8bitmime" : "")
            << (extensions.smtputf8 ? " smtputf8" : "") << (extensions.dsn ? " dsn" : "")
            << " size=" << extensions.size_max.value_or(0) << "\n";
}

void PrintResult(const SendResult& result, int marks) {
  constexpr const char* kStates[] = {"sent", "rejected", "temporary", "unknown"};
  std::cout << kStates[static_cast<size_t>(result.state)] << " " << ToString(result.status.code())
            << " " << static_cast<int>(result.obstacle) << " " << marks << " "
            << result.final_reply.ToString() << "\n";
  for (const RecipientResult& recipient : result.recipients) {
    std::cout << "rcpt " << (recipient.accepted ? "accepted " : "refused ")
              << recipient.reply.ToString() << "\n";
  }
}

net::Task<void> Submit(net::UvLoop& loop, const Arguments& arguments, int* exit_code) {
  net::UvNetworkOptions network_options;
  network_options.ca_file = arguments.ca_file;
  Result<std::unique_ptr<net::UvNetwork>> network = net::UvNetwork::Create(loop, network_options);
  DialerOptions dialer_options;
  dialer_options.allow_private = true;
  Dialer dialer(**network, dialer_options);
  SystemRandom random;
  Result<std::unique_ptr<SmtpSession>> session = co_await OpenSmtpSession(
      dialer, arguments.server, arguments.credentials, std::nullopt, random, arguments.options);
  if (!session.ok()) {
    std::cout << session.status().ToString() << "\n";
    *exit_code = 1;
    co_return;
  }
  PrintExtensions((*session)->extensions());
  for (size_t i = 0; i < arguments.files.size(); ++i) {
    const std::string text = ReadFile(arguments.files[i]);
    const MemoryByteSource bytes(text);
    const Result<MessageFacts> facts = ScanMessage(bytes);
    ByteMessageSource source(bytes, *facts);
    CountingObserver observer;
    const SendResult result = co_await (*session)->Send(arguments.envelope, source, observer);
    PrintResult(result, observer.marks);
  }
  co_await (*session)->Close();
}

}  // namespace
}  // namespace mailhaul::smtp

int main(int argc, char** argv) {
  if (argc < 10) {
    std::cerr << "see the head of smtp_submit.cc\n";
    return 2;
  }
  const mailhaul::smtp::Arguments arguments =
      mailhaul::smtp::ParseArguments(std::span(argv, static_cast<size_t>(argc)));
  int exit_code = 0;
  mailhaul::net::RunOnUvLoop([&](mailhaul::net::UvLoop& loop) {
    return mailhaul::smtp::Submit(loop, arguments, &exit_code);
  });
  return exit_code;
}
