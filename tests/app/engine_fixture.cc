#include "tests/app/engine_fixture.h"

#include "base/log.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::app {
namespace {

constexpr char kHost[] = "imap.example.com";
constexpr char kSmtpHost[] = "smtp.example.com";

test_support::MemoryNetworkOptions WithLatency(Duration latency) {
  test_support::MemoryNetworkOptions options;
  options.latency = latency;
  return options;
}

}  // namespace

EngineFixture::EngineFixture(Duration latency) : latency_(latency) {
  SetLogLevel(LogLevel::kOff);
  mime::Initialize();
  config_.tenants.emplace_back();
  config_.tenants.front().name = "acme";
  config_.tenants.front().freshness.normal = std::chrono::minutes(5);
  config_.tenants.front().freshness.active = std::chrono::seconds(30);
  store::BlobStoreOptions blob_options;
  blob_options.directory = "/blobs";
  blobs_ = store::BlobStore::Open(files_, blob_options).value();
  mail_ = store::MailStore::Open(records_, *blobs_, clock_).value();
  committer_ = std::make_unique<pipeline::LoopCommitter>(*mail_, loop_, Duration(0));
  context_ = std::unique_ptr<pipeline::Context>(
      new pipeline::Context{*mail_, *committer_, cpu_, cpu_, budget_, clock_, progress_});
}

EngineFixture::~EngineFixture() {
  if (collector_ != nullptr && !over_) {
    Stop();
  }
  if (network_ != nullptr) {
    loop_.Await(network_->Drain());
  }
  collector_.reset();
  mail_.reset();  // Writes what it still holds into the rows, which die first.
}

void EngineFixture::AddMailbox(const std::string& id) {
  config::MailboxConfig mailbox;
  mailbox.id = id;
  mailbox.address = id + "@acme.example";
  mailbox.pool = kHost;
  mailbox.source.host = kHost;
  mailbox.source.port = 993;
  mailbox.source.username = id;
  mailbox.source.password = Secret("secret");
  config_.tenants.front().mailboxes.push_back(std::move(mailbox));
  server_.AddAccount(id, "secret");
  server_.Folder(id).uid_validity = 7;
}

void EngineFixture::AddPop3Mailbox(const std::string& id) {
  AddMailbox(id);
  config::Server& source = config_.tenants.front().mailboxes.back().source;
  source.protocol = config::Protocol::kPop3;
  source.port = 995;
}

void EngineFixture::AddSubmission(const std::string& id) {
  for (config::MailboxConfig& mailbox : config_.tenants.front().mailboxes) {
    if (mailbox.id == id) {
      mailbox.submission.emplace(mailbox.source);
      mailbox.submission->host = kSmtpHost;
      mailbox.submission->port = 465;
      smtp_.script.users[id] = "secret";
    }
  }
  smtp_.script.extensions = {"PIPELINING", "8BITMIME", "AUTH PLAIN LOGIN"};
}

void EngineFixture::AddMessage(const std::string& id, const std::string& subject) {
  server_.Folder(id).Add("Subject: " + subject + "\r\n\r\ntext\r\n", clock_.WallNow());
  loop_.Post([this] { server_.Announce(); });
}

void EngineFixture::Connect() {
  collector_.reset();
  if (network_ != nullptr) {
    loop_.Await(network_->Drain());
  }
  network_ = std::make_unique<test_support::MemoryNetwork>(WithLatency(latency_), random_);
  network_->RegisterImap(kHost, 993, server_);
  network_->Register(kHost, 995, [this](std::unique_ptr<net::Stream> stream) {
    return test_support::ServePop3Connection(std::move(stream), server_, pop3_);
  });
  network_->Register(kSmtpHost, 465, [this](std::unique_ptr<net::Stream> stream) {
    return test_support::ServeSmtp(std::move(stream), smtp_);
  });
  dialer_ = std::make_unique<Dialer>(*network_, DialerOptions());
}

void EngineFixture::Start(bool continuous) {
  CollectorOptions options;
  options.continuous = continuous;
  options.records = &records_;
  options.files = &files_;
  options.after_unclean_end = after_unclean_end_;
  over_ = false;
  Connect();
  const std::vector<Worker> workers = {{.loop = &loop_, .dialer = dialer_.get(), .http = http_}};
  collector_ = std::make_unique<Collector>(options, config_, *context_, loop_, workers);
  ASSERT_TRUE(collector_->Prepare().ok());
  if (on_prepared_) {
    on_prepared_();
  }
  loop_.Post([this] { collector_->Start([this] { over_ = true; }); });
}

void EngineFixture::Stop() {
  loop_.Post([this] { collector_->Stop(); });
  EXPECT_TRUE(loop_.RunUntil([this] { return over_; }));
}

bool EngineFixture::RunUntil(const std::function<bool()>& done, Duration limit) {
  return loop_.RunUntil(done, clock_.Now() + limit);
}

void EngineFixture::RunFor(Duration time) {
  const TimePoint end = clock_.Now() + time;
  loop_.AddTimer(end, [] {});
  loop_.RunUntil([this, end] { return clock_.Now() >= end; }, end);
}

void EngineFixture::SetRefused(const std::string& egress, bool refused) {
  network_->SetRefused(kHost, egress, refused);
}

uint64_t EngineFixture::ConnectionsFrom(const std::string& egress) const {
  const auto it = network_->pools().find({egress, kHost});
  return it == network_->pools().end() ? 0 : it->second.total;
}

uint64_t EngineFixture::Messages(const std::string& id) {
  const TenantId tenant = mail_->FindTenant("acme").value();
  return mail_->GetMailbox(mail_->FindMailbox(tenant, id).value()).value().messages;
}

}  // namespace mailhaul::app
