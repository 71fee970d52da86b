#include "tests/pipeline/visit_fixture.h"

#include "engine/mime/message_parser.h"

namespace mailhaul::pipeline {
namespace {

constexpr char kHost[] = "imap.example.com";

}  // namespace

VisitFixture::VisitFixture(const std::vector<std::string>& extensions)
    : network_(test_support::MemoryNetworkOptions(), random), dialer_(network_, DialerOptions()) {
  mime::Initialize();
  for (const std::string& extension : extensions) {
    server.options.capabilities.push_back(extension);
  }
  server.AddAccount("alice", "secret");
  network_.RegisterImap(kHost, 993, server);
  Folder("INBOX").uid_validity = 7;
  store::BlobStoreOptions blob_options;
  blob_options.directory = "/blobs";
  blobs_ = store::BlobStore::Open(files, blob_options).value();
  mail = store::MailStore::Open(records_, *blobs_, clock).value();
  tenant = mail->EnsureTenant("acme").value();
  options.mailbox = mail->EnsureMailbox(tenant, "alice", "alice@example.com").value();
  options.window = std::chrono::days(30);
  committer_ = std::make_unique<LoopCommitter>(*mail, loop, Duration(0));
  context_ = std::unique_ptr<Context>(
      new Context{*mail, *committer_, cpu, reads, budget_, clock, progress_});
}

VisitFixture::~VisitFixture() {
  loop.Await(network_.Drain());
  mail.reset();  // Writes what it still holds into the rows, which die first.
}

Uid VisitFixture::Add(const std::string& folder, const std::string& name, size_t bytes) {
  std::string raw = "From: a@example.org\r\nSubject: " + name + "\r\nMessage-ID: <" + name +
                    "@example.org>\r\n\r\n";
  raw.resize(std::max(raw.size(), bytes), 'x');
  return Folder(folder).Add(std::move(raw), clock.WallNow() - std::chrono::hours(24));
}

void VisitFixture::Move(const std::string& from, Uid uid, const std::string& to) {
  const test_support::ScriptedMessage moved = *Folder(from).Find(uid);
  Folder(to).AddShared(moved.raw, moved.internal_date, moved.flags);
  Folder(from).Expunge(uid);
}

std::unique_ptr<SourceSession> VisitFixture::LogIn() {
  server.counters = {};
  ServerAddress address;
  address.host = kHost;
  address.port = 993;
  Credentials credentials;
  credentials.username = "alice";
  credentials.password = Secret("secret");
  return loop
      .Await(imap::OpenImapSession(dialer_, address, credentials, std::nullopt,
                                   imap::SessionOptions()))
      .value();
}

std::vector<VisitResult> VisitFixture::RunStages(const std::vector<Stage>& stages) {
  const std::unique_ptr<SourceSession> session = LogIn();
  std::vector<VisitResult> results;
  {
    MailboxVisit visit(*context_, *session, options);
    for (const Stage stage : stages) {
      results.push_back(loop.Await(visit.Run(stage, slice, slice_bytes)));
    }
    if (watches) {
      EXPECT_TRUE(loop.Await(visit.Watch()).ok());
    }
  }
  loop.Await(session->Close());
  EXPECT_EQ(server.counters.WritingCommands(), std::vector<std::string>());
  return results;
}

Result<MailboxInspection> VisitFixture::Inspect() {
  const std::unique_ptr<SourceSession> session = LogIn();
  const uint64_t commits = mail->stats().commits;
  Result<MailboxInspection> found = loop.Await(InspectSource(
      *mail, reads, clock, *session,
      {.mailbox = options.mailbox, .window = options.window, .exclude = options.exclude}));
  loop.Await(session->Close());
  EXPECT_EQ(server.counters.WritingCommands(), std::vector<std::string>());
  EXPECT_EQ(mail->stats().commits, commits);
  return found;
}

VisitResult VisitFixture::Visit(Stage stage) { return RunStages({stage}).front(); }

VisitResult VisitFixture::Collect() {
  VisitResult all;
  for (const VisitResult& result : RunStages({Stage::kNew, Stage::kWindow, Stage::kBackfill})) {
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    all.stats.Add(result.stats);
  }
  if (options.quiet != nullptr) {
    const auto counters = server.counters;
    EXPECT_TRUE(Visit(Stage::kNew).status.ok());
    server.counters = counters;
  }
  return all;
}

std::map<std::string, store::StoredMessage> VisitFixture::Stored() {
  store::MessageQuery query;
  query.tenant = tenant;
  query.mailbox = options.mailbox;
  query.limit = 1000;
  std::map<std::string, store::StoredMessage> stored;
  for (store::StoredMessage& message : mail->ListMessages(query).value().items) {
    std::string name = message.content.subject;
    EXPECT_TRUE(stored.emplace(name, std::move(message)).second) << name << " is stored twice";
  }
  return stored;
}

std::string VisitFixture::FolderOf(const store::StoredMessage& message) {
  for (const store::FolderRecord& folder : mail->ListFolders(options.mailbox).value()) {
    if (folder.id == message.folder) {
      return folder.name;
    }
  }
  return "";
}

store::FolderRecord VisitFixture::Record(const std::string& folder) {
  for (const store::FolderRecord& record : mail->ListFolders(options.mailbox).value()) {
    if (record.name == folder) {
      return record;
    }
  }
  ADD_FAILURE() << "no folder " << folder;
  return {};
}

}  // namespace mailhaul::pipeline
