// The raw limit: our own IMAP client fetches every body of the given users' INBOX and throws it
// away.  raw_fetch HOST PORT PASSWORD CONNECTIONS USERFILE
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "connectors/dialer.h"
#include "connectors/imap/imap_session.h"
#include "connectors/net/uv_loop.h"
#include "connectors/net/uv_network.h"

namespace mailhaul {
namespace {

class DiscardingSink final : public BodySink {
 public:
  bool TryReserve(std::span<const MessageMeta> /*messages*/) override { return true; }
  net::Task<Status> Reserve(std::span<const MessageMeta> /*messages*/) override {
    co_return Status::Ok();
  }
  net::Task<Status> BeginBody(const MessageMeta& /*meta*/,
                              std::optional<uint64_t> /*size*/) override {
    co_return Status::Ok();
  }
  net::Task<Status> AppendBody(std::string_view bytes) override {
    bytes_ += bytes.size();
    co_return Status::Ok();
  }
  net::Task<Status> EndBody() override {
    ++messages_;
    co_return Status::Ok();
  }
  void NoBody(const MessageMeta& /*meta*/, const Status& /*why*/) override {}

  uint64_t messages() const { return messages_; }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
};

struct Run {
  Dialer& dialer;
  ServerAddress server;
  std::string password;
  std::vector<std::string> users;
  size_t next_user = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  bool failed = false;
};

net::Task<Status> FetchUser(Run& run, std::string user) {
  Credentials credentials;
  credentials.username = std::move(user);
  credentials.password = Secret(run.password);
  imap::SessionOptions options;
  CO_TRY(
      const std::unique_ptr<SourceSession> session,
      imap::OpenImapSession(run.dialer, run.server, std::move(credentials), std::nullopt, options));
  FolderInfo inbox;
  inbox.name = inbox.wire_name = "INBOX";
  CO_TRY([[maybe_unused]] const OpenedFolder opened, session->OpenFolder(inbox, nullptr));
  CO_TRY(const UidSet uids, session->ListUids(std::nullopt));
  CO_TRY(const std::vector<MessageMeta> metas, session->FetchMeta(uids));
  DiscardingSink sink;
  CO_RETURN_IF_ERROR(session->FetchBodies(metas, sink));
  run.messages += sink.messages();
  run.bytes += sink.bytes();
  co_await session->Close();
  co_return Status::Ok();
}

net::Task<void> FetchUsers(Run& run) {
  while (run.next_user < run.users.size() && !run.failed) {
    const Status status = co_await FetchUser(run, run.users[run.next_user++]);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      run.failed = true;
    }
  }
}

net::Task<void> RunAll(Run& run, int connections, net::UvLoop& loop) {
  net::TaskGroup group;
  for (int i = 0; i < connections; ++i) {
    group.Spawn(FetchUsers(run));
  }
  co_await group.Drain();
  loop.Stop();
}

int Main(char** argv) {
  net::UvLoop loop;
  net::UvNetworkOptions network_options;
  const Result<std::unique_ptr<net::UvNetwork>> network =
      net::UvNetwork::Create(loop, network_options);
  if (!network.ok()) {
    std::fprintf(stderr, "%s\n", network.status().ToString().c_str());
    return 2;
  }
  DialerOptions dialer_options;
  dialer_options.allow_private = true;
  Dialer dialer(**network, dialer_options);
  Run run{dialer, {}, argv[3], {}};
  run.server.host = argv[1];
  run.server.port = static_cast<uint16_t>(std::atoi(argv[2]));
  run.server.security = Security::kPlaintext;
  std::ifstream file(argv[5]);
  for (std::string line; std::getline(file, line);) {
    run.users.push_back(line);
  }
  net::TaskGroup root;
  const int connections = std::atoi(argv[4]);
  loop.Post([&] { root.Spawn(RunAll(run, connections, loop)); });
  loop.Run();
  std::printf("%llu messages, %llu bytes\n", static_cast<unsigned long long>(run.messages),
              static_cast<unsigned long long>(run.bytes));
  return run.failed ? 1 : 0;
}

}  // namespace
}  // namespace mailhaul

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: raw_fetch HOST PORT PASSWORD CONNECTIONS USERFILE\n");
    return 2;
  }
  return mailhaul::Main(argv);
}
