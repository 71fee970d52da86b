// The raw limit of asking mailboxes for news with fresh logins: per user one connection, and
// nothing looked at but the tags.
//   raw_poll HOST PORT CA_FILE|- PASSWORD CONNECTIONS USERFILE [MODE]      "-": in plain text
// MODE: examine (LOGIN, EXAMINE INBOX and LOGOUT, with a round trip each), status (LOGIN, STATUS
// INBOX and LOGOUT in one write) or nothing (LOGIN and LOGOUT in one write: no client does less).
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/dialer.h"
#include "connectors/net/uv_loop.h"
#include "connectors/net/uv_network.h"

namespace mailhaul {
namespace {

constexpr size_t kReadBytes = 4096;

struct Run {
  Dialer& dialer;
  ServerAddress server;
  std::string password;
  std::string mode;
  std::vector<std::string> users;
  size_t next_user = 0;
  size_t polled = 0;
  bool failed = false;
};

// Reads whole lines until one begins with `start`; the answers here are short.
net::Task<Status> Expect(net::Stream& stream, std::string_view start) {
  std::string received = "\n";
  const std::string wanted = "\n" + std::string(start);
  std::array<char, kReadBytes> buffer{};
  while (true) {
    const size_t at = received.find(wanted);
    if (at != std::string::npos && received.find('\n', at + 1) != std::string::npos) {
      co_return Status::Ok();
    }
    CO_TRY(const size_t count, stream.Read(buffer));
    if (count == 0) {
      std::string message = "no answer beginning with " + std::string(start) + ":" + received;
      co_return Status(Code::kProtocol, std::move(message));
    }
    received.append(buffer.data(), count);
  }
}

net::Task<Status> Ask(net::Stream& stream, std::string command, std::string_view answer) {
  CO_RETURN_IF_ERROR(stream.Write(command));
  co_return co_await Expect(stream, answer);
}

net::Task<Status> PollUser(Run& run, std::string user) {
  CO_TRY(const std::unique_ptr<net::Stream> stream, run.dialer.Dial(run.server, std::nullopt));
  CO_RETURN_IF_ERROR(Expect(*stream, "* OK"));
  std::string login = "a LOGIN \"" + user + "\" \"" + run.password + "\"\r\n";
  if (run.mode == "examine") {
    CO_RETURN_IF_ERROR(Ask(*stream, std::move(login), "a OK"));
    CO_RETURN_IF_ERROR(Ask(*stream, "b EXAMINE INBOX\r\n", "b OK"));
    CO_RETURN_IF_ERROR(Ask(*stream, "c LOGOUT\r\n", "c OK"));
  } else {
    if (run.mode == "status") {
      login += "b STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)\r\n";
    }
    CO_RETURN_IF_ERROR(Ask(*stream, login + "c LOGOUT\r\n", "c OK"));
  }
  co_await stream->Close();
  ++run.polled;
  co_return Status::Ok();
}

net::Task<void> PollUsers(Run& run) {
  while (run.next_user < run.users.size() && !run.failed) {
    const Status status = co_await PollUser(run, run.users[run.next_user++]);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      run.failed = true;
    }
  }
}

net::Task<void> RunAll(Run& run, int connections, net::UvLoop& loop) {
  net::TaskGroup group;
  for (int i = 0; i < connections; ++i) {
    group.Spawn(PollUsers(run));
  }
  co_await group.Drain();
  loop.Stop();
}

int Main(char** argv) {
  const std::string ca_file = argv[3];
  net::UvLoop loop;
  net::UvNetworkOptions network_options;
  if (ca_file != "-") {
    network_options.ca_file = ca_file;
  }
  const Result<std::unique_ptr<net::UvNetwork>> network =
      net::UvNetwork::Create(loop, network_options);
  if (!network.ok()) {
    std::fprintf(stderr, "%s\n", network.status().ToString().c_str());
    return 2;
  }
  DialerOptions dialer_options;
  dialer_options.allow_private = true;
  Dialer dialer(**network, dialer_options);
  Run run{dialer, {}, argv[4], argv[7] == nullptr ? "examine" : argv[7], {}};
  run.server.host = argv[1];
  run.server.port = static_cast<uint16_t>(std::atoi(argv[2]));
  run.server.security = ca_file == "-" ? Security::kPlaintext : Security::kTls;
  std::ifstream file(argv[6]);
  for (std::string line; std::getline(file, line);) {
    run.users.push_back(line);
  }
  net::TaskGroup root;
  const int connections = std::atoi(argv[5]);
  loop.Post([&] { root.Spawn(RunAll(run, connections, loop)); });
  loop.Run();
  std::printf("%zu mailboxes\n", run.polled);
  return run.failed ? 1 : 0;
}

}  // namespace
}  // namespace mailhaul

int main(int argc, char** argv) {
  if (argc != 7 && argc != 8) {
    std::fprintf(stderr,
                 "usage: raw_poll HOST PORT CA_FILE|- PASSWORD CONNECTIONS USERFILE [MODE]\n");
    return 2;
  }
  return mailhaul::Main(argv);
}
