#include "tests/send/send_world.h"

#include <utility>

#include "base/log.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::send {
namespace {

constexpr char kSmtpHost[] = "smtp.example.com";
constexpr char kImapHost[] = "imap.example.com";
constexpr char kUser[] = "alice";
constexpr char kPassword[] = "secret";

ServerAddress AddressOf(const char* host, uint16_t port) {
  ServerAddress address;
  address.host = host;
  address.port = port;
  return address;
}

Credentials AliceCredentials() {
  Credentials credentials;
  credentials.username = kUser;
  credentials.password = Secret(kPassword);
  return credentials;
}

}  // namespace

// Everything that a crash takes along.
struct SendWorld::Process final : public Lines {
  explicit Process(SendWorld& owner)
      : world(owner), network(Options(owner.latency_), owner.random) {
    network.Register(kSmtpHost, 465, [this](std::unique_ptr<net::Stream> stream) {
      return test_support::ServeSmtp(std::move(stream), world.smtp);
    });
    network.RegisterImap(kImapHost, 993, world.imap);
    blobs = store::BlobStore::Open(world.files_, {.directory = "/blobs"}).value();
    mail = store::MailStore::Open(world.records, *blobs, world.clock).value();
    committer =
        std::make_unique<pipeline::LoopCommitter>(*mail, world.loop, std::chrono::milliseconds(2));
    context = std::unique_ptr<pipeline::Context>(
        new pipeline::Context{*mail, *committer, pool, pool, budget, world.clock, progress});
    sender = std::make_unique<Sender>(*context, world.loop, *this, world.random);
  }

  static test_support::MemoryNetworkOptions Options(Duration latency) {
    test_support::MemoryNetworkOptions options;
    options.latency = latency;
    return options;
  }

  const SendingMailbox* Find(MailboxId wanted) const override {
    return wanted == world.mailbox.id ? &world.mailbox : nullptr;
  }
  void WantSubmission(MailboxId wanting) override {
    ++world.submission_leases;
    tasks.Spawn(Use(wanting, /*filing=*/false));
  }
  void WantFiling(MailboxId wanting) override { tasks.Spawn(Use(wanting, /*filing=*/true)); }

  net::Task<void> Use(MailboxId wanting, bool filing) {
    Lease lease;
    lease.dialer = &dialer;
    lease.open = &open;
    lease.stopping = stopping;
    if (filing) {
      last = co_await sender->RunFiling(wanting, lease);
    } else {
      last = co_await sender->RunSubmissions(wanting, lease);
    }
  }

  net::Task<Result<std::unique_ptr<smtp::SmtpSession>>> OpenSubmission(
      MailboxId /*mailbox*/, const Lease& lease) override {
    network.SetDown(kSmtpHost, world.smtp_down);
    smtp::SessionOptions options;
    options.use_chunking = world.chunking;
    co_return co_await smtp::OpenSmtpSession(*lease.dialer, AddressOf(kSmtpHost, 465),
                                             AliceCredentials(), lease.egress, world.random,
                                             options);
  }
  net::Task<Result<std::unique_ptr<imap::SentFiling>>> OpenFiling(MailboxId /*mailbox*/,
                                                                  const Lease& lease) override {
    imap::SessionOptions options;
    co_return co_await imap::OpenSentFiling(*lease.dialer, AddressOf(kImapHost, 993),
                                            AliceCredentials(), lease.egress, std::move(options));
  }

  SendWorld& world;
  test_support::MemoryNetwork network;
  Dialer dialer{network, DialerOptions()};
  InlineWorkPool pool;
  MemoryBudget budget{size_t{64} << 20};
  pipeline::Progress progress;
  std::unique_ptr<store::BlobStore> blobs;
  std::unique_ptr<store::MailStore> mail;
  std::unique_ptr<pipeline::LoopCommitter> committer;
  std::unique_ptr<pipeline::Context> context;
  std::unique_ptr<Sender> sender;
  OpenLines open;
  net::TaskGroup tasks;
  Status last;
  bool stopping = false;
};

SendWorld::SendWorld(uint64_t seed, Duration latency) : random(seed), latency_(latency) {
  SetLogLevel(LogLevel::kOff);
  mime::Initialize();
  smtp.script.users[kUser] = kPassword;
  smtp.script.extensions.emplace_back("AUTH PLAIN LOGIN");
  smtp.script.extensions.emplace_back("CHUNKING");
  imap.AddAccount(kUser, kPassword);
  imap.Folder(kUser, "Sent").attributes = {"\\Sent"};
  mailbox.has_sent_folder = true;
  mailbox.files_copy = true;
  mailbox.retry_for = std::chrono::hours(24 * 5);
  Start();
  tenant_ = process_->mail->EnsureTenant("acme").value();
  mailbox.tenant = tenant_;
  mailbox.id = process_->mail->EnsureMailbox(tenant_, "alice", "alice@acme.example").value();
}

SendWorld::~SendWorld() {
  if (process_ != nullptr) {
    Stop();
  }
  EXPECT_EQ(smtp.counters.violations, std::vector<std::string>());
}

void SendWorld::Start() {
  process_ = std::make_unique<Process>(*this);
  Process* const process = process_.get();
  loop.Post([process] { process->sender->Start(); });
}

void SendWorld::Stop() {
  Process* const process = process_.get();
  bool stopped = false;
  loop.Post([process, &stopped] {
    process->stopping = true;
    process->dialer.Abort();
    process->open.AbortAll();
    process->sender->Stop([&stopped] { stopped = true; });
  });
  MH_CHECK(loop.RunUntil([&] { return stopped && process->tasks.running() == 0; }));
  loop.Await(process->network.Drain());
  loop.RunDue();
  process_.reset();
}

void SendWorld::Crash() {
  records.Freeze();
  Stop();
  files_.DropUnsynced(random);
  records.Thaw();
}

store::NewSubmission SendWorld::RequestOf(const std::string& subject,
                                          std::vector<std::string> recipients) const {
  store::NewSubmission request;
  request.mailbox = mailbox.id;
  request.from = "alice@acme.example";
  request.recipients = std::move(recipients);
  request.message_id = "<" + subject + "@acme.example>";
  request.subject = subject;
  request.body = "From: alice@acme.example\r\nTo: bob@else.example\r\nSubject: " + subject +
                 "\r\nMessage-ID: " + request.message_id + "\r\n\r\nHello\r\n.\r\n";
  for (int line = 0; line < 50; ++line) {
    request.body += std::string(800, 'x') + "\r\n";
  }
  request.sha256 = store::ComputeSha256(request.body);
  request.deadline = clock.WallNow() + mailbox.retry_for;
  request.idempotency_key = subject;
  request.fingerprint = request.sha256;
  return request;
}

void SendWorld::AcceptLater(const store::NewSubmission& request) {
  Process* const process = process_.get();
  process->committer->Run([process, request] {
    const Result<store::AcceptedSubmission> accepted =
        store::Outbox(*process->mail).Accept(request);
    if (accepted.ok()) {
      process->sender->Changed(accepted->submission);
    }
  });
}

std::optional<store::Submission> SendWorld::FindOnly() const {
  store::SubmissionQuery query;
  query.tenant = tenant_;
  const store::SubmissionPage page = store::Outbox(*process_->mail).List(query).value();
  return page.items.empty() ? std::nullopt : std::optional(page.items.front());
}

std::optional<SubmissionId> SendWorld::Accept(const store::NewSubmission& request) {
  std::optional<SubmissionId> id;
  Process* const process = process_.get();
  process->committer->Run([process, request, &id] {
    const Result<store::AcceptedSubmission> accepted =
        store::Outbox(*process->mail).Accept(request);
    if (accepted.ok()) {
      id = accepted->submission.id;
      process->sender->Changed(accepted->submission);
    }
  });
  loop.RunUntil([&] { return id.has_value(); }, clock.Now() + std::chrono::milliseconds(5));
  return id;
}

SubmissionId SendWorld::Submit(const std::string& subject, std::vector<std::string> recipients) {
  return Accept(RequestOf(subject, std::move(recipients))).value();
}

store::Submission SendWorld::Change(SubmissionId id,
                                    const std::function<Status(store::Submission&)>& change) {
  const Result<store::Submission> changed = store::Outbox(*process_->mail).Update(id, change);
  EXPECT_TRUE(changed.ok()) << changed.status().ToString();
  if (changed.ok()) {
    process_->sender->Changed(*changed);
  }
  return changed.ok() ? *changed : store::Submission();
}

store::Submission SendWorld::Get(SubmissionId id) const {
  return store::Outbox(*process_->mail).Get(id).value();
}

std::vector<store::StoredMessage> SendWorld::Messages() const {
  store::MessageQuery query;
  query.tenant = tenant_;
  return process_->mail->ListMessages(query)->items;
}

bool SendWorld::RunUntil(const std::function<bool()>& done, Duration limit) {
  return loop.RunUntil(done, clock.Now() + limit);
}

void SendWorld::RunFor(Duration time) {
  const TimePoint end = clock.Now() + time;
  loop.AddTimer(end, [] {});
  loop.RunUntil([this, end] { return clock.Now() >= end; }, end);
}

bool SendWorld::RunUntilState(SubmissionId id, store::SubmissionState state) {
  return RunUntil([&] { return Get(id).state == state; });
}

size_t SendWorld::CopiesInSent() { return imap.Folder(kUser, "Sent").messages().size(); }

}  // namespace mailhaul::send
