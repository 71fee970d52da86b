// A service over a real mail store in memory, on a virtual loop, and clients of it.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/work_pool.h"
#include "connectors/net/memory_stream.h"
#include "connectors/net/network.h"
#include "connectors/net/virtual_loop.h"
#include "engine/http/service.h"
#include "store/mail_store.h"
#include "store/memory_file_system.h"
#include "store/memory_key_value_store.h"
#include "tests/http/answer.h"
#include "tests/http/fake_directory.h"
#include "tests/http/fake_text_search.h"

namespace mailhaul::http {

// Hands out the streams that a test offers.
class OfferedListener final : public net::Listener {
 public:
  net::Task<Result<std::unique_ptr<net::Stream>>> Accept() override;
  void Abort() override;
  uint16_t port() const override { return 0; }

  void Offer(std::unique_ptr<net::Stream> stream);
  void FailNextAccept(Status status);

 private:
  void Wake();

  std::deque<Result<std::unique_ptr<net::Stream>>> offered_;
  bool aborted_ = false;
  net::OneShot<bool> wake_;
};

// A peer that has sent `input` and then ended its side, but still reads.
class ScriptedStream final : public net::Stream {
 public:
  ScriptedStream(std::string input, size_t read_bytes_max, std::string* output)
      : input_(std::move(input)), read_bytes_max_(read_bytes_max), output_(output) {}

  net::Task<Result<size_t>> Read(std::span<char> out) override;
  net::Task<Status> Write(std::string_view bytes) override;
  void SetDeadline(TimePoint /*deadline*/) override {}
  void Abort() override {}
  net::Task<void> Close() override;
  bool secure() const override { return false; }
  std::string peer_name() const override { return "scripted"; }

 private:
  std::string input_;
  const size_t read_bytes_max_;
  std::string* output_;
};

// Keeps work until told, for what happens while a request is under way.
class HeldPool final : public WorkPool {
 public:
  void Submit(std::function<void()> work) override;
  void RunAll();

  bool holding = false;
  std::deque<std::function<void()>> held;
};

// Reads fail while told so.
class FailingKeyValueStore final : public store::KeyValueStore {
 public:
  Result<std::optional<std::string>> Get(std::string_view key) override;
  Result<bool> Scan(const store::ScanRequest& request,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override;
  void Commit(std::span<const store::Batch> batches, std::span<store::Outcome> outcomes) override;

  Status failure;

 private:
  store::MemoryKeyValueStore rows_;
};

// The bytes behind the first empty line; as HTML the same in capitals.
class PlainDecoder final : public BodyDecoder {
 public:
  Text Decode(const ByteSource& raw) const override;
  // "NUMBER: " and the text; of number 9 there is none.
  Result<std::string> DecodeAttachment(const ByteSource& raw, size_t n) const override;
};

// One client connection. Reads all the time.
class Client final {
 public:
  Client(net::VirtualLoop& loop, OfferedListener& listener, net::MemoryStreamOptions options);
  ~Client();

  void Send(std::string bytes);
  void Close();
  std::vector<HttpAnswer> Answers() const { return ParseAnswers(received_); }
  const std::string& received() const { return received_; }
  bool ended() const { return ended_; }
  void StopReading() { reading_ = false; }

 private:
  net::Task<void> ReadAll();
  net::Task<void> WriteAll(std::string bytes);
  void OnLoop(const std::function<void()>& work);

  net::VirtualLoop& loop_;
  std::unique_ptr<net::Stream> stream_;
  std::string received_;
  bool ended_ = false;
  bool reading_ = true;
  net::TaskGroup group_;
};

struct Mail {
  std::string subject = "hello";
  int64_t received = 1'714'521'600;  // Seconds since 1970.
  uint8_t flags = 0;
  std::string from = "ann@example.com";
  bool has_attachment = false;
  std::string body = "text";
  std::vector<std::string> tags = {};
  std::vector<store::Attachment> attachments = {};
  std::string not_fetched = "";  // Why the message is listed without its bytes.
  uint64_t thread = 0;
};

class ServiceTest : public testing::Test {
 protected:
  ServiceTest();
  ~ServiceTest() override;

  // Stores mails in one batch and returns nothing: ids are asked for over HTTP.
  void Store(std::string_view tenant, std::string_view mailbox, std::string_view folder,
             const std::vector<Mail>& mails);
  // A folder of the mailbox that is a label, with the source's counts.
  void AddLabel(std::string_view mailbox, std::string_view folder, std::string_view role,
                uint32_t total, uint32_t unread);
  static std::string RawOf(const Mail& mail);

  // One request on a connection of its own.
  HttpAnswer Get(const std::string& target, const std::string& token = "read-acme",
                 const std::string& more_fields = "");
  HttpAnswer Request(const std::string& method, const std::string& target,
                     const std::string& token = "read-acme", const std::string& more_fields = "",
                     const std::string& body = "");
  HttpAnswer Head(const std::string& target);
  boost::json::value GetJson(const std::string& target, const std::string& token = "read-acme");
  // The named field of each item of a list, following next_cursor.
  std::vector<std::string> All(const std::string& target, const std::string& field);
  // What a peer gets that sends `input`, in reads of `step` bytes, and ends its side.
  std::string Exchange(std::string input, size_t step = SIZE_MAX);

  std::unique_ptr<Client> Connect(net::MemoryStreamOptions options = {});
  // Runs until `client` has `count` answers; fails the test when that never happens.
  std::vector<HttpAnswer> Await(Client& client, size_t count);
  bool AwaitEnd(Client& client);
  void StopService();
  // Stops and runs until Serve() has completed.
  void Shutdown();

  net::VirtualClock clock_{WallTime(std::chrono::seconds(1'714'600'000))};
  net::VirtualLoop loop_{clock_};
  FailingKeyValueStore records_;
  store::MemoryFileSystem files_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<store::MailStore> store_;
  FakeDirectory directory_;
  PlainDecoder decoder_;
  HeldPool pool_;
  std::unique_ptr<FakeTextSearch> text_;
  HeldPool writer_;  // The committer's thread.
  OfferedListener listener_;
  std::unique_ptr<Service> service_;
  net::TaskGroup serving_;
  store::FolderId last_folder_ = 0;
  uint32_t last_uid_ = 0;
};

}  // namespace mailhaul::http
