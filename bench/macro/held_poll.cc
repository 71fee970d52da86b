// How fast IMAP sessions of our own, of one loop as of one worker, ask a server for news.
//   held_poll HOST PORT CA_FILE|- PASSWORD USERFILE SESSIONS SECONDS MODE      "-": in plain text
// MODE, with one session for each of the first SESSIONS users, which stay logged in with INBOX
// open:
//   noop     SourceSession::Poll()
//   status   the folders with their status: what a check asks
//   check    all that the engine says over a held session: end IDLE, status, open INBOX, IDLE again
// or with SESSIONS connections at a time, each for the next user:
//   login    log in, the folders with their status, log out
//   full     the same; no TLS handshake resumes another
// Prints how many in how many seconds, and the CPU time of this process.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "connectors/dialer.h"
#include "connectors/imap/imap_session.h"
#include "connectors/net/tls_context.h"
#include "connectors/net/uv_loop.h"
#include "connectors/net/uv_network.h"

namespace mailhaul {
namespace {

constexpr size_t kLoginsAtOnce = 8;
constexpr Duration kIdleMax = std::chrono::minutes(1);

struct Arguments {
  ServerAddress server;
  std::string ca_file;  // Empty: in plain text.
  std::string password;
  std::vector<std::string> users;
  size_t sessions = 0;
  std::chrono::seconds time{};
  std::string mode;
  bool holds() const { return mode != "login" && mode != "full"; }
};

struct Measured {
  size_t count = 0;
  double seconds = 0;
  double cpu_seconds = 0;
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Bench final {
 public:
  Bench(Dialer& dialer, const Arguments& arguments) : dialer_(dialer), arguments_(arguments) {}

  net::Task<void> Run(net::UvLoop& loop) {
    if (arguments_.holds()) {
      const Status held = co_await OpenAll();
      Note(held);
    }
    const TimePoint begin = loop.Now();
    const double cpu_before = CpuSeconds();
    until_ = begin + arguments_.time;
    for (size_t i = 0; i < arguments_.sessions && !failed_; ++i) {
      group_.Spawn(arguments_.holds() ? AskHeld(*sessions_[i]) : AskFresh());
    }
    co_await group_.Drain();
    measured_.seconds = std::chrono::duration<double>(loop.Now() - begin).count();
    measured_.cpu_seconds = CpuSeconds() - cpu_before;
    for (const std::unique_ptr<SourceSession>& session : sessions_) {
      group_.Spawn(session->Close());
    }
    co_await group_.Drain();
    loop.Stop();
  }

  const Measured& measured() const { return measured_; }
  bool failed() const { return failed_; }

 private:
  using Opened = Result<std::unique_ptr<SourceSession>>;

  bool Over() const { return failed_ || net::Loop::Current()->Now() >= until_; }
  void Note(const Status& status) {
    if (!status.ok() && !failed_) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      failed_ = true;
    }
  }

  net::Task<Opened> LogIn(std::string user) {
    Credentials credentials;
    credentials.username = std::move(user);
    credentials.password = Secret(arguments_.password);
    imap::SessionOptions options;
    options.remembered = server_;
    options.learned = &server_;
    co_return co_await imap::OpenImapSession(dialer_, arguments_.server, std::move(credentials),
                                             std::nullopt, std::move(options));
  }

  net::Task<Status> OpenAll() {
    CO_TRY(std::unique_ptr<SourceSession> first, LogIn(arguments_.users.front()));
    sessions_.push_back(std::move(first));
    for (size_t i = 0; i < kLoginsAtOnce; ++i) {
      group_.Spawn(OpenSome());
    }
    co_await group_.Drain();
    co_return Status::Ok();
  }
  net::Task<void> OpenSome() {
    while (next_user_ < arguments_.sessions && !failed_) {
      Opened opened = co_await LogIn(arguments_.users[next_user_++]);
      Note(opened.status());
      if (opened.ok()) {
        sessions_.push_back(std::move(opened).value());
      }
    }
  }

  net::Task<void> AskHeld(SourceSession& session) {
    Status status = co_await OpenInbox(session);
    while (status.ok() && !Over()) {
      status = co_await AskOnce(session);
      measured_.count += status.ok() ? 1 : 0;
    }
    Note(status);
  }
  net::Task<Status> AskOnce(SourceSession& session) {
    if (arguments_.mode == "noop") {
      CO_TRY([[maybe_unused]] const bool news, session.Poll());
      co_return Status::Ok();
    }
    if (arguments_.mode == "check") {
      net::Loop::Current()->Post([&session] { session.StopWaiting(); });
      CO_TRY([[maybe_unused]] const bool news, session.WaitForNews(kIdleMax));
    }
    CO_TRY(const std::vector<FolderInfo> folders, session.ListFolders(true));
    if (folders.empty()) {
      co_return Status(Code::kProtocol, "the server lists no folders");
    }
    if (arguments_.mode == "check") {
      co_return co_await OpenInbox(session);
    }
    co_return Status::Ok();
  }
  net::Task<Status> OpenInbox(SourceSession& session) {
    FolderInfo inbox;
    inbox.name = "INBOX";
    inbox.wire_name = "INBOX";
    CO_TRY([[maybe_unused]] const OpenedFolder opened, session.OpenFolder(inbox, nullptr));
    co_return Status::Ok();
  }

  net::Task<void> AskFresh() {
    while (!Over()) {
      const Status status =
          co_await AskUser(arguments_.users[next_user_++ % arguments_.users.size()]);
      measured_.count += status.ok() ? 1 : 0;
      Note(status);
    }
  }
  net::Task<Status> AskUser(std::string user) {
    CO_TRY(const std::unique_ptr<SourceSession> session, LogIn(std::move(user)));
    const Result<std::vector<FolderInfo>> folders = co_await session->ListFolders(true);
    co_await session->Close();
    co_return folders.status();
  }

  Dialer& dialer_;
  const Arguments& arguments_;
  std::shared_ptr<const imap::KnownServer> server_;
  std::vector<std::unique_ptr<SourceSession>> sessions_;
  net::TaskGroup group_;
  size_t next_user_ = 1;
  TimePoint until_{};
  bool failed_ = false;
  Measured measured_;
};

Arguments Parse(char** argv) {
  Arguments arguments;
  arguments.server.host = argv[1];
  arguments.server.port = static_cast<uint16_t>(std::atoi(argv[2]));
  arguments.ca_file = std::string(argv[3]) == "-" ? "" : argv[3];
  arguments.server.security = arguments.ca_file.empty() ? Security::kPlaintext : Security::kTls;
  arguments.password = argv[4];
  std::ifstream file(argv[5]);
  for (std::string line; std::getline(file, line);) {
    arguments.users.push_back(line);
  }
  arguments.sessions = static_cast<size_t>(std::atoi(argv[6]));
  arguments.time = std::chrono::seconds(std::atoi(argv[7]));
  arguments.mode = argv[8];
  return arguments;
}

int Main(char** argv) {
  const Arguments arguments = Parse(argv);
  if (arguments.sessions == 0 || arguments.users.size() < arguments.sessions) {
    std::fprintf(stderr, "held_poll: too few users\n");
    return 2;
  }
  net::UvLoop loop;
  const auto tls = net::TlsContext::Client(arguments.ca_file, arguments.mode != "full");
  if (!tls.ok()) {
    std::fprintf(stderr, "%s\n", tls.status().ToString().c_str());
    return 2;
  }
  const auto network = net::UvNetwork::Create(loop, net::UvNetworkOptions(), *tls);
  if (!network.ok()) {
    std::fprintf(stderr, "%s\n", network.status().ToString().c_str());
    return 2;
  }
  DialerOptions dialer_options;
  dialer_options.allow_private = true;
  Dialer dialer(**network, dialer_options);
  Bench bench(dialer, arguments);
  net::TaskGroup root;
  loop.Post([&] { root.Spawn(bench.Run(loop)); });
  loop.Run();
  const Measured& measured = bench.measured();
  std::printf("%zu %.6f %.6f\n", measured.count, measured.seconds, measured.cpu_seconds);
  return bench.failed() ? 1 : 0;
}

}  // namespace
}  // namespace mailhaul

int main(int argc, char** argv) {
  if (argc != 9) {
    std::fprintf(stderr,
                 "usage: held_poll HOST PORT CA_FILE|- PASSWORD USERFILE SESSIONS SECONDS "
                 "noop|status|check|login|full\n");
    return 2;
  }
  return mailhaul::Main(argv);
}
