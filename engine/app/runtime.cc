#include "engine/app/runtime.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "connectors/https/curl_http_client.h"
#include "engine/app/run_marker.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::app {
namespace {

constexpr int kReadThreads = 4;
constexpr uint64_t kRecordCacheShare = 8;                      // Of the memory budget,
constexpr uint64_t kRecordCacheBytesMin = uint64_t{16} << 20;  // within these bounds.
constexpr uint64_t kRecordCacheBytesMax = uint64_t{4} << 30;

uint64_t RecordCacheBytes(const config::Config& config) {
  return std::clamp(config.memory_budget / kRecordCacheShare, kRecordCacheBytesMin,
                    kRecordCacheBytesMax);
}

int ThreadsOf(const config::Config& config) {
  return config.threads != 0 ? static_cast<int>(config.threads)
                             : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

Status OpenMail(OpenStore& opened, const config::Config& config, store::MailStore::Access access) {
  store::BlobStoreOptions options;
  options.directory = config.data_dir + "/blobs";
  options.read_only = access == store::MailStore::Access::kRead;
  MH_ASSIGN_OR_RETURN(opened.blobs, store::BlobStore::Open(opened.files, options));
  MH_ASSIGN_OR_RETURN(opened.mail,
                      store::MailStore::Open(*opened.records, *opened.blobs, opened.clock, access));
  return {};
}

}  // namespace

Result<std::unique_ptr<OpenStore>> OpenForWriting(const config::Config& config) {
  auto opened = std::make_unique<OpenStore>();
  MH_RETURN_IF_ERROR(opened->files.CreateDirectories(config.data_dir));
  MH_ASSIGN_OR_RETURN(opened->records,
                      store::OpenRocksDb(config.data_dir + "/records",
                                         {.block_cache_bytes = RecordCacheBytes(config)}));
  MH_RETURN_IF_ERROR(OpenMail(*opened, config, store::MailStore::Access::kWrite));
  MH_ASSIGN_OR_RETURN(opened->after_unclean_end, MarkRunning(opened->files, config.data_dir));
  return opened;
}

void NoteCleanEnd(OpenStore& store, const config::Config& config) {
  const Status ended = MarkEnded(store.files, config.data_dir);
  if (!ended.ok()) {
    LogWarning("the next start will be a careful one: " + ended.ToString());
  }
}

Result<std::unique_ptr<OpenStore>> OpenForReading(const config::Config& config) {
  auto opened = std::make_unique<OpenStore>();
  opened->reading = ReadersLock::Share(config.data_dir);
  MH_ASSIGN_OR_RETURN(opened->records, store::OpenRocksDbReadOnly(config.data_dir + "/records"));
  MH_RETURN_IF_ERROR(OpenMail(*opened, config, store::MailStore::Access::kRead));
  return opened;
}

Runtime::Runtime(const config::Config& config, store::MailStore& store)
    : budget_(config.memory_budget - (RecordCacheBytes(config) - kRecordCacheBytesMin)),
      reads_(kReadThreads),
      committer_(store),
      cpu_(ThreadsOf(config)),
      context_{store, committer_, cpu_, reads_, budget_, clock_, progress_} {
  mime::Initialize();
}

Result<std::unique_ptr<Runtime>> Runtime::Create(const config::Config& config,
                                                 store::MailStore& store) {
  std::unique_ptr<Runtime> runtime(new Runtime(config, store));
  MH_RETURN_IF_ERROR(runtime->AddLoops(config));
  return runtime;
}

Status Runtime::AddLoops(const config::Config& config) {
  net::UvNetworkOptions network_options;
  network_options.ca_file = config.network.ca_file;
  MH_ASSIGN_OR_RETURN(const std::shared_ptr<const net::TlsContext> tls,
                      net::TlsContext::Client(config.network.ca_file));
  DialerOptions dialer_options;
  dialer_options.allow_private = config.network.allow_private;
  dialer_options.connect_timeout = config.network.connect_timeout;
  https::CurlHttpClientOptions http_options;
  http_options.allow_private = config.network.allow_private;
  http_options.ca_file = config.network.ca_file;
  http_options.connect_timeout = config.network.connect_timeout;
  for (int i = 0; i < ThreadsOf(config); ++i) {
    auto loop = std::make_unique<LoopThread>();
    MH_ASSIGN_OR_RETURN(loop->network, net::UvNetwork::Create(loop->loop, network_options, tls));
    loop->dialer = std::make_unique<Dialer>(*loop->network, dialer_options);
    loop->http = std::make_unique<https::CurlHttpClient>(*loop->network, http_options);
    loops_.push_back(std::move(loop));
  }
  return {};
}

Runtime::~Runtime() {
  StopLoops();
  for (const auto& loop : loops_) {
    if (loop->thread.joinable()) {
      loop->thread.join();
    }
  }
  for (const auto& loop : loops_) {
    loop->http.reset();
    loop->dialer.reset();
    loop->network.reset();
    loop->loop.Close();
  }
}

std::vector<Worker> Runtime::workers() {
  std::vector<Worker> workers;
  for (const auto& loop : loops_) {
    workers.push_back(
        {.loop = &loop->loop, .dialer = loop->dialer.get(), .http = loop->http.get()});
  }
  return workers;
}

void Runtime::Run() {
  for (size_t i = 1; i < loops_.size(); ++i) {
    net::UvLoop* loop = &loops_[i]->loop;
    loops_[i]->thread = std::thread([loop] { loop->Run(); });
  }
  loops_.front()->loop.Run();
  for (size_t i = 1; i < loops_.size(); ++i) {
    loops_[i]->thread.join();
  }
}

void Runtime::StopLoops() {
  for (const auto& loop : loops_) {
    loop->loop.Stop();
  }
}

}  // namespace mailhaul::app
