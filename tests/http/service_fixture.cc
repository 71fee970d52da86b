#include "tests/http/service_fixture.h"

#include <algorithm>
#include <utility>

#include "tests/http/record.h"

namespace mailhaul::http {

net::Task<Result<std::unique_ptr<net::Stream>>> OfferedListener::Accept() {
  while (offered_.empty() && !aborted_) {
    const bool woken = co_await wake_.Wait();
    static_cast<void>(woken);
  }
  if (aborted_) {
    co_return Status(Code::kCancelled, "listener aborted");
  }
  Result<std::unique_ptr<net::Stream>> next = std::move(offered_.front());
  offered_.pop_front();
  co_return next;
}

void OfferedListener::Abort() {
  aborted_ = true;
  Wake();
}

void OfferedListener::Offer(std::unique_ptr<net::Stream> stream) {
  offered_.emplace_back(std::move(stream));
  Wake();
}

void OfferedListener::FailNextAccept(Status status) {
  offered_.emplace_back(std::move(status));
  Wake();
}

void OfferedListener::Wake() {
  if (wake_.waiting() && !wake_.has_value()) {
    wake_.Set(true);
  }
}

net::Task<Result<size_t>> ScriptedStream::Read(std::span<char> out) {
  const size_t count = std::min({out.size(), input_.size(), read_bytes_max_});
  std::copy_n(input_.begin(), count, out.begin());
  input_.erase(0, count);
  co_return count;
}

net::Task<Status> ScriptedStream::Write(std::string_view bytes) {
  output_->append(bytes);
  co_return Status::Ok();
}

net::Task<void> ScriptedStream::Close() { co_return; }

void HeldPool::Submit(std::function<void()> work) {
  if (holding) {
    held.push_back(std::move(work));
  } else {
    work();
  }
}

void HeldPool::RunAll() {
  while (!held.empty()) {
    const std::function<void()> work = std::move(held.front());
    held.pop_front();
    work();
  }
}

Result<std::optional<std::string>> FailingKeyValueStore::Get(std::string_view key) {
  if (!failure.ok()) {
    return failure;
  }
  return rows_.Get(key);
}

Result<bool> FailingKeyValueStore::Scan(
    const store::ScanRequest& request,
    const std::function<bool(std::string_view, std::string_view)>& visit) {
  if (!failure.ok()) {
    return failure;
  }
  return rows_.Scan(request, visit);
}

void FailingKeyValueStore::Commit(std::span<const store::Batch> batches,
                                  std::span<store::Outcome> outcomes) {
  rows_.Commit(batches, outcomes);
}

BodyDecoder::Text PlainDecoder::Decode(const ByteSource& raw) const {
  std::string bytes(raw.size(), '\0');
  const Result<size_t> read = raw.ReadAt(0, {bytes.data(), bytes.size()});
  EXPECT_TRUE(read.ok());
  const size_t end = bytes.find("\r\n\r\n");
  const std::string text = end == std::string::npos ? "" : bytes.substr(end + 4);
  std::string html = text;
  std::transform(html.begin(), html.end(), html.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return {.text = text, .html = html};
}

Result<std::string> PlainDecoder::DecodeAttachment(const ByteSource& raw, size_t n) const {
  if (n == 9) {
    return Status(Code::kNotFound, "no such part");
  }
  return std::to_string(n) + ": " + Decode(raw).text;
}

Client::Client(net::VirtualLoop& loop, OfferedListener& listener, net::MemoryStreamOptions options)
    : loop_(loop) {
  OnLoop([&] {
    auto [near, far] = net::MakeMemoryStreams(options);
    stream_ = std::move(near);
    listener.Offer(std::move(far));
    group_.Spawn(ReadAll());
  });
}

Client::~Client() {
  OnLoop([&] { stream_->Abort(); });
  EXPECT_TRUE(loop_.RunUntil([&] { return group_.running() == 0; }));
}

void Client::OnLoop(const std::function<void()>& work) {
  bool done = false;
  loop_.Post([&] {
    work();
    done = true;
  });
  EXPECT_TRUE(loop_.RunUntil([&] { return done; }));
}

void Client::Send(std::string bytes) {
  OnLoop([&] { group_.Spawn(WriteAll(std::move(bytes))); });
}

void Client::Close() {
  OnLoop([&] { stream_->Abort(); });
}

net::Task<void> Client::WriteAll(std::string bytes) {
  const Status written = co_await stream_->Write(bytes);
  static_cast<void>(written);
}

net::Task<void> Client::ReadAll() {
  std::string chunk(4096, '\0');
  while (reading_) {
    const std::span<char> target(chunk);
    const Result<size_t> read = co_await stream_->Read(target);
    if (!read.ok() || *read == 0) {
      ended_ = true;
      co_return;
    }
    received_.append(chunk, 0, *read);
  }
}

ServiceTest::ServiceTest() {
  Result<std::unique_ptr<store::BlobStore>> blobs =
      store::BlobStore::Open(files_, {.directory = "blobs"});
  EXPECT_TRUE(blobs.ok()) << blobs.status().ToString();
  blobs_ = std::move(blobs).value();
  Result<std::unique_ptr<store::MailStore>> opened =
      store::MailStore::Open(records_, *blobs_, clock_);
  EXPECT_TRUE(opened.ok()) << opened.status().ToString();
  store_ = std::move(opened).value();
  for (const auto& [tenant, names] : directory_.mailboxes) {
    const TenantId id = store_->EnsureTenant(tenant).value();
    for (const std::string& name : names) {
      EXPECT_TRUE(store_->EnsureMailbox(id, name, name + "@" + tenant + ".example").ok());
    }
  }
  text_ = std::make_unique<FakeTextSearch>(*store_);
  service_ =
      std::make_unique<Service>(*store_, directory_, decoder_, pool_, writer_, clock_, text_.get());
  bool started = false;
  loop_.Post([&] {
    serving_.Spawn(service_->Serve(listener_));
    started = true;
  });
  EXPECT_TRUE(loop_.RunUntil([&] { return started; }));
}

ServiceTest::~ServiceTest() { Shutdown(); }

void ServiceTest::StopService() {
  bool stopped = false;
  loop_.Post([&] {
    service_->Stop();
    stopped = true;
  });
  EXPECT_TRUE(loop_.RunUntil([&] { return stopped; }));
}

void ServiceTest::Shutdown() {
  StopService();
  EXPECT_TRUE(loop_.RunUntil([&] { return serving_.running() == 0; }));
}

std::string ServiceTest::RawOf(const Mail& mail) {
  return "From: " + mail.from + "\r\nSubject: " + mail.subject + "\r\n\r\n" + mail.body;
}

void ServiceTest::AddLabel(std::string_view mailbox, std::string_view folder, std::string_view role,
                           uint32_t total, uint32_t unread) {
  const TenantId tenant = store_->FindTenant("acme").value();
  const MailboxId id = store_->FindMailbox(tenant, mailbox).value();
  const store::MailStore::NewFolder label{
      .name = std::string(folder), .role = std::string(role), .is_label = true};
  store::FolderRecord record;
  record.id = store_->EnsureFolders(id, {&label, 1})->front();
  record.source_messages = total;
  record.source_unseen = unread;
  ASSERT_TRUE(store_->SaveFolder(id, record).ok());
}

void ServiceTest::Store(std::string_view tenant, std::string_view mailbox, std::string_view folder,
                        const std::vector<Mail>& mails) {
  const TenantId tenant_id = store_->FindTenant(tenant).value();
  const MailboxId mailbox_id = store_->FindMailbox(tenant_id, mailbox).value();
  store::IngestBatch batch;
  batch.mailbox = mailbox_id;
  const char* const role = folder == "Sent" ? "sent" : folder == "All" ? "all" : "";
  batch.folder = store_->EnsureFolder(mailbox_id, folder, role).value();
  batch.uid_validity = 1;
  for (const Mail& mail : mails) {
    store::IngestMessage message;
    message.uid = ++last_uid_;
    message.flags = mail.flags;
    message.keywords = mail.tags;
    message.thread = mail.thread;
    message.internal_date = WallTime(std::chrono::seconds(mail.received));
    message.body = RawOf(mail);
    message.size = message.body.size();
    message.sha256 = store::ComputeSha256(message.body);
    store::MessageContent content;
    content.subject = mail.subject;
    content.from = {{.name = "", .email = mail.from}};
    content.has_attachment = mail.has_attachment;
    content.attachments = mail.attachments;
    if (!mail.not_fetched.empty()) {
      message.body.clear();
      message.sha256 = store::ComputeSha256({});
      message.quarantined = true;
      content.unparsed_reason = mail.not_fetched;
    }
    message.content = store::EncodeContent(content);
    batch.messages.push_back(std::move(message));
  }
  store::IngestBatch* const batches[] = {&batch};
  store_->Append(batches);
  ASSERT_TRUE(batch.status.ok()) << batch.status.ToString();
}

std::unique_ptr<Client> ServiceTest::Connect(net::MemoryStreamOptions options) {
  return std::make_unique<Client>(loop_, listener_, std::move(options));
}

std::vector<HttpAnswer> ServiceTest::Await(Client& client, size_t count) {
  const auto done = [&] {
    const std::vector<HttpAnswer> answers = client.Answers();
    return answers.size() >= count && answers[count - 1].complete;
  };
  EXPECT_TRUE(loop_.RunUntil(done)) << "only: " << client.received();
  return client.Answers();
}

bool ServiceTest::AwaitEnd(Client& client) {
  return loop_.RunUntil([&] { return client.ended(); });
}

std::string ServiceTest::Exchange(std::string input, size_t step) {
  std::string output;
  loop_.Post(
      [&] { listener_.Offer(std::make_unique<ScriptedStream>(std::move(input), step, &output)); });
  loop_.RunDue();
  return output;
}

HttpAnswer ServiceTest::Get(const std::string& target, const std::string& token,
                            const std::string& more_fields) {
  return Request("GET", target, token, more_fields);
}

HttpAnswer ServiceTest::Request(const std::string& method, const std::string& target,
                                const std::string& token, const std::string& more_fields,
                                const std::string& body) {
  const std::string length =
      body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
  const std::string output =
      Exchange(method + " " + target + " HTTP/1.1\r\nHost: a\r\n" + "Authorization: Bearer " +
               token + "\r\n" + more_fields + length + "\r\n" + body);
  std::vector<HttpAnswer> answers = ParseAnswers(output);
  EXPECT_EQ(answers.size(), 1U) << target;
  if (!answers.empty()) {
    RecordExchange(method, target, more_fields, body, answers.front());
  }
  return answers.empty() ? HttpAnswer{} : std::move(answers.front());
}

HttpAnswer ServiceTest::Head(const std::string& target) {
  const std::string output = Exchange(
      "HEAD " + target + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer read-acme\r\n\r\n");
  std::vector<HttpAnswer> answers = ParseAnswers(output, true);
  EXPECT_EQ(answers.size(), 1U) << target;
  return answers.empty() ? HttpAnswer{} : std::move(answers.front());
}

boost::json::value ServiceTest::GetJson(const std::string& target, const std::string& token) {
  const HttpAnswer answer = Get(target, token);
  EXPECT_EQ(answer.status, 200U) << target << ": " << answer.body;
  return answer.Json();
}

std::vector<std::string> ServiceTest::All(const std::string& target, const std::string& field) {
  std::vector<std::string> values;
  std::string cursor;
  for (size_t pages = 0; pages < 1000; ++pages) {
    const bool has_query = target.find('?') != std::string::npos;
    const boost::json::value page = GetJson(target + (has_query ? "&" : "?") + "cursor=" + cursor);
    for (const boost::json::value& item : page.at("items").as_array()) {
      values.emplace_back(item.at(field).as_string());
    }
    if (page.at("next_cursor").is_null()) {
      return values;
    }
    cursor = std::string(page.at("next_cursor").as_string());
  }
  ADD_FAILURE() << "the list does not end: " << target;
  return values;
}

}  // namespace mailhaul::http
