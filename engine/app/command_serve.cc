#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "engine/app/change_notice.h"
#include "engine/app/change_trimmer.h"
#include "engine/app/commands.h"
#include "engine/app/control_socket.h"
#include "engine/app/directory.h"
#include "engine/app/discover_servers.h"
#include "engine/app/exit_codes.h"
#include "engine/app/mailbox_admin.h"
#include "engine/app/notifier.h"
#include "engine/app/outgoing.h"
#include "engine/app/reloader.h"
#include "engine/app/removal.h"
#include "engine/app/runtime.h"
#include "engine/app/secrets.h"
#include "engine/app/send_lines.h"
#include "engine/app/service_notice.h"
#include "engine/app/store_copy.h"
#include "engine/app/text_index.h"
#include "engine/app/upkeep.h"
#include "engine/app/verify_runs.h"
#include "engine/app/watch_answer.h"
#include "engine/http/service.h"

namespace mailhaul::app {
namespace {

constexpr int kHttpReadThreads = 4;
constexpr Duration kDrainGrace = std::chrono::seconds(30);

// The running server. Everything happens on the main loop.
class Server final : private TenantFollower {
 public:
  // All outlive it; `configured` the committer's last operation as well.
  Server(const config::Config& config, ConfiguredTenants& configured, OpenStore& store,
         Runtime& runtime, AddedMailboxes added)
      : config_(config),
        store_(store),
        runtime_(runtime),
        text_index_(MakeTextIndex(config, store, runtime)),
        secrets_(BoxOf(config)),
        configured_(configured),
        collector_(Continuous(store), config, runtime.context(), runtime.main_loop(),
                   runtime.workers()),
        verify_runs_(collector_, runtime.context(), runtime.main_loop()),
        directory_(config, collector_, store.clock),
        upkeep_(configured_, config.data_dir, runtime.context(), runtime.main_loop()),
        writer_(runtime.context().committer),
        service_(*store.mail, directory_, decoder_, http_reads_, writer_, store.clock,
                 text_index_.get()),
        reloader_(config, Reloader::FilesOf(config, &Environment), DiscoverWith(runtime, store),
                  collector_, configured_, *this, runtime.context(), runtime.main_loop(),
                  config_files_),
        mailbox_admin_({.config = config,
                        .records = *store.records,
                        .secrets = secrets_.has_value() ? &*secrets_ : nullptr,
                        .collector = collector_,
                        .configured = configured_,
                        .reloader = reloader_,
                        .context = runtime.context(),
                        .loop = runtime.main_loop(),
                        .random = writer_random_,
                        .removed = [this] { upkeep_.Kick(); }},
                       std::move(added), DiscoverWith(runtime, store)),
        notice_(std::make_shared<ChangeNotice>(runtime.main_loop(),
                                               [this](TenantId tenant) { OnChanges(tenant); })),
        trimmer_(MakeTrimmer()),
        removal_{.tenants = configured_,
                 .store = *store.mail,
                 .delete_text = DeleteText(),
                 .is_in_use =
                     [this](const RemovalTarget& target) {
                       return collector_.IsCollected(target.tenant, target.mailbox);
                     },
                 .removed =
                     [this] {
                       upkeep_.Kick();
                       runtime_.main_loop().Post([this] { mailbox_admin_.ForgetRemoved(); });
                     }} {
    directory_.SetTextIndex(text_index_.get());
    directory_.SetReloader(&reloader_);
    reloader_.SetOverlay([this](std::shared_ptr<const config::TenantConfig> tenant) {
      return WithAdded(std::move(tenant));
    });
    store.mail->OnChanges([notice = notice_](TenantId tenant) { notice->Note(tenant); });
  }
  // The last commits come after it.
  ~Server() {
    notice_->Close();
    CloseTrimmer();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Status Prepare() {
    MH_RETURN_IF_ERROR(collector_.Prepare());
    sending_ = std::make_unique<SendLines>(config_, collector_, runtime_.context(),
                                           runtime_.main_loop(), random_);
    outgoing_ =
        std::make_unique<ConfiguredOutgoing>(runtime_.context().store, sending_->sender(), random_);
    for (const auto& [name, tenant] : reloader_.tenants()) {
      outgoing_->SetTenant(tenant);
    }
    service_.EnableSending(*outgoing_);
    service_.EnableAdding(mailbox_admin_);
    MH_ASSIGN_OR_RETURN(notifier_, MakeNotifier());
    directory_.SetNotifier(notifier_.get());
    if (!config_.http.has_value()) {
      return {};
    }
    service_.SetOptions({.per_token_per_second = config_.http->per_token_per_second,
                         .access_log = config_.http->access_log});
    if (config_.http->tls.has_value()) {
      MH_ASSIGN_OR_RETURN(
          std::shared_ptr<const net::TlsContext> tls,
          net::TlsContext::Server(config_.http->tls->certificate, config_.http->tls->key));
      service_.SetTls(std::move(tls));
    }
    MH_ASSIGN_OR_RETURN(const net::IpAddress address, net::IpAddress::Parse(config_.http->address));
    MH_ASSIGN_OR_RETURN(listener_, runtime_.main_network().Listen(
                                       {.address = address, .port = config_.http->port}));
    return {};
  }

  void Start() {
    if (listener_ != nullptr) {
      ++parts_running_;
      tasks_.Spawn(ServeHttp());
      LogInfo((config_.http->tls ? "serving HTTPS on " : "serving HTTP on ") +
              config_.http->address + ":" + std::to_string(listener_->port()));
    }
    for (const config::TenantConfig& tenant : config_.tenants) {
      const std::optional<TenantId> id = store_.mail->FindTenant(tenant.name);
      if (id.has_value()) {
        tenants_.emplace(*id, tenant.name);
      }
    }
    upkeep_.Start();
    if (trimmer_ != nullptr) {
      trimmer_->Start();
    }
    ++parts_running_;
    sending_->sender().Start();
    ++parts_running_;
    notifier_->Start([this] { PartEnded(); });
    ++parts_running_;
    collector_.Start([this] { PartEnded(); });
    ++parts_running_;
    reloader_.Start();
    LogInfo(StatusLine());
    reloader_.SetOnRead([this] { TellReady(); });
    TellReady();
    KeepAlive();
  }

  // What control.sock is asked; to what it does not know it has no answer.
  std::string AnswerControl(std::string_view question) {
    if (const std::optional<std::string> answer = verify_runs_.Answer(question)) {
      return *answer;
    }
    if (question == kWatchQuestion) {
      return WatchJson({.collector = collector_,
                        .directory = directory_,
                        .progress = runtime_.context().progress,
                        .clock = store_.clock,
                        .started = started_});
    }
    return question == kPoolsQuestion ? directory_.AllPoolsJson() : std::string();
  }

  // The same, on the socket's own thread.
  std::optional<std::string> AnswerSlowly(std::string_view question) {
    std::optional<std::string> answer =
        AnswerCheckpoint(*store_.records, config_.data_dir, question);
    return answer ? answer : AnswerRemoval(removal_, runtime_.context().committer, question);
  }

  void Reload() {
    if (stopping_) {
      return;
    }
    LogInfo("reading the configuration again");
    notice_to_manager_.Reloading(store_.clock.Now());
    reloader_.Reload();
  }

  void Stop() {
    LogInfo("stopping: finishing what is in flight");
    stopping_ = true;
    notice_to_manager_.Stopping();
    runtime_.main_loop().CancelTimer(keep_alive_timer_);
    upkeep_.Stop();
    CloseTrimmer();
    ++parts_running_;
    mailbox_admin_.Stop([this] { PartEnded(); });
    reloader_.Stop([this] { PartEnded(); });
    sending_->sender().Stop([this] { PartEnded(); });
    collector_.Stop();
    notifier_->Stop();
    if (listener_ != nullptr) {
      service_.Stop();
      listener_->Abort();
    }
  }

 private:
  CollectorOptions Continuous(OpenStore& store) const {
    CollectorOptions options;
    options.continuous = true;
    options.records = store.records.get();
    options.files = &store.files;
    options.secrets = secrets_.has_value() ? &*secrets_ : nullptr;
    options.after_unclean_end = store.after_unclean_end;
    return options;
  }

  std::shared_ptr<const config::TenantConfig> WithAdded(
      std::shared_ptr<const config::TenantConfig> tenant) const {
    config::TenantConfig extended = *tenant;
    return Extend(mailbox_admin_.added(), extended)
               ? std::make_shared<const config::TenantConfig>(std::move(extended))
               : tenant;
  }

  // Null without HTTP: nobody would ask it.
  static std::unique_ptr<TextIndex> MakeTextIndex(const config::Config& config, OpenStore& store,
                                                  Runtime& runtime) {
    if (!config.http.has_value()) {
      return nullptr;
    }
    std::vector<std::string> names;
    for (const config::TenantConfig& tenant : config.tenants) {
      names.push_back(tenant.name);
    }
    return std::make_unique<TextIndex>(config.data_dir, std::move(names), *store.mail, store.files,
                                       store.clock, runtime.context().progress);
  }

  // Null when changes are kept for ever.
  std::shared_ptr<ChangeTrimmer> MakeTrimmer() {
    if (!config_.change_log.keep.has_value()) {
      return nullptr;
    }
    std::function<std::optional<uint64_t>(TenantId, ShardId)> read_to;
    if (text_index_ != nullptr) {
      read_to = [this](TenantId tenant, ShardId shard) {
        return text_index_->ReadTo(tenant, shard);
      };
    }
    return std::make_shared<ChangeTrimmer>(runtime_.main_loop(), runtime_.context().committer,
                                           *store_.mail, store_.clock, *config_.change_log.keep,
                                           std::move(read_to));
  }

  std::function<void(TenantId, const std::vector<ShardId>&)> DeleteText() {
    if (text_index_ == nullptr) {
      return DeleteTextBelow(config_.data_dir);
    }
    return [this](TenantId tenant, const std::vector<ShardId>& shards) {
      text_index_->Delete(tenant, shards);
    };
  }

  void CloseTrimmer() {
    if (trimmer_ != nullptr) {
      trimmer_->Close();
    }
  }

  static Reloader::Discover DiscoverWith(Runtime& runtime, OpenStore& store) {
    HttpClient* const http = runtime.workers().front().http;
    net::Network* const network = &runtime.main_network();
    const Clock* const clock = &store.clock;
    return [http, network, clock](config::Config& config) {
      return DiscoverServers(config, *network, *http, *clock);
    };
  }

  void TenantEnds(const std::string& name, bool for_good) override {
    // Its tokens may belong to another tenant from now on.
    directory_.RemoveTenant(name);
    if (!for_good) {
      return;
    }
    service_.OnChanges(name);  // Its event streams end.
    outgoing_->RemoveTenant(name);
    notifier_->RemoveTenant(name);
    if (text_index_ != nullptr) {
      text_index_->RemoveTenant(name);
    }
    std::erase_if(tenants_, [&name](const auto& tenant) { return tenant.second == name; });
    // Once it is not configured any more: nothing that it stored grows too old.
    runtime_.main_loop().Post([this] { upkeep_.RetentionChanged(); });
  }

  void TenantIs(TenantId id, std::shared_ptr<const config::TenantConfig> tenant) override {
    tenants_.emplace(id, tenant->name);
    directory_.SetTenant(*tenant);
    service_.OnChanges(tenant->name);  // Streams of tokens that are gone end.
    notifier_->SetTenant(*tenant);
    if (text_index_ != nullptr) {
      text_index_->AddTenant(tenant->name);
    }
    outgoing_->SetTenant(std::move(tenant));
    upkeep_.RetentionChanged();
  }

  std::string StatusLine() const {
    return "collecting " + std::to_string(collector_.mailboxes().size()) + " mailboxes of " +
           std::to_string(reloader_.tenants().size()) + " tenants";
  }

  void TellReady() const {
    if (!stopping_) {
      notice_to_manager_.Ready(StatusLine());
    }
  }

  // From the main loop: when that hangs, the manager is to know.
  void KeepAlive() {
    const std::optional<Duration> every = notice_to_manager_.keep_alive_every();
    if (!every.has_value()) {
      return;
    }
    notice_to_manager_.KeepAlive();
    keep_alive_timer_ = runtime_.main_loop().AddTimer(store_.clock.Now() + *every, [this] {
      keep_alive_timer_ = 0;
      if (!stopping_) {
        KeepAlive();
      }
    });
  }

  void OnChanges(TenantId tenant) {
    const auto name = tenants_.find(tenant);
    if (name != tenants_.end()) {
      service_.OnChanges(name->second);
      notifier_->OnChanges(name->second);
    }
  }

  Result<std::unique_ptr<Notifier>> MakeNotifier() {
    return Notifier::Create(config_, {.store = *store_.mail,
                                      .records = *store_.records,
                                      .clock = store_.clock,
                                      .loop = runtime_.main_loop(),
                                      .network = runtime_.main_network(),
                                      .reads = runtime_.reads(),
                                      .writer = writer_});
  }

  net::Task<void> ServeHttp() {
    co_await service_.Serve(*listener_);
    listener_.reset();
    PartEnded();
  }

  void PartEnded() {
    --parts_running_;
    if (parts_running_ == 0) {
      runtime_.StopLoops();
    }
  }

  const config::Config& config_;
  OpenStore& store_;
  Runtime& runtime_;
  const std::unique_ptr<TextIndex> text_index_;
  const std::optional<store::SecretBox> secrets_;
  ConfiguredTenants& configured_;
  Collector collector_;
  VerifyRuns verify_runs_;
  SystemRandom random_;
  SystemRandom writer_random_;  // The committer's.
  std::unique_ptr<SendLines> sending_;
  std::unique_ptr<ConfiguredOutgoing> outgoing_;
  CollectorDirectory directory_;
  MimeBodyDecoder decoder_;
  // Of HTTP alone: slow searches are not to hold up visits.
  pipeline::BlockingPool http_reads_{kHttpReadThreads};
  Upkeep upkeep_;
  pipeline::CommitterPool writer_;
  std::unique_ptr<Notifier> notifier_;
  http::Service service_;
  pipeline::BlockingPool config_files_{1};
  Reloader reloader_;
  StoredMailboxAdmin mailbox_admin_;
  const std::shared_ptr<ChangeNotice> notice_;
  const std::shared_ptr<ChangeTrimmer> trimmer_;
  const RemovalContext removal_;
  std::map<TenantId, std::string> tenants_;  // Names of those configured.
  std::unique_ptr<net::Listener> listener_;
  net::TaskGroup tasks_;
  int parts_running_ = 0;
  const WallTime started_ = store_.clock.WallNow();
  const ServiceNotice notice_to_manager_{&Environment, getpid()};
  net::Loop::TimerId keep_alive_timer_ = 0;
  bool stopping_ = false;
};

}  // namespace

int RunServe(const CommandOptions& options) {
  SignalWatcher signals(/*hangup=*/true);
  bool clean = false;
  std::optional<config::Config> config = LoadOrExplain(options, &clean);
  if (!config.has_value()) {
    return kExitUsage;
  }
  const Result<std::unique_ptr<OpenStore>> store = OpenForWriting(*config);
  if (!store.ok()) {
    return ExplainFailure(store.status());
  }
  const std::optional<store::SecretBox> secrets = BoxOf(*config);
  Result<AddedMailboxes> added = TakeAddedMailboxes(
      *config, secrets.has_value() ? &*secrets : nullptr, *(*store)->records, *(*store)->mail);
  if (!added.ok()) {
    return ExplainFailure(added.status());
  }
  const Status discovered = DiscoverServersNow(*config);
  if (!discovered.ok()) {
    return ExplainFailure(discovered);
  }
  ConfiguredTenants configured(*config);
  const Result<std::unique_ptr<Runtime>> created = Runtime::Create(*config, *(*store)->mail);
  if (!created.ok()) {
    return ExplainFailure(created.status());
  }
  Runtime& runtime = **created;
  Server server(*config, configured, **store, runtime, std::move(added).value());
  const Status prepared = server.Prepare();
  if (!prepared.ok()) {
    return ExplainFailure(prepared);
  }
  RemoveCheckpoints(config->data_dir);
  const auto control = ControlServer::Start(
      config->data_dir, runtime.main_loop(),
      [&server](std::string_view question) { return server.AnswerControl(question); },
      [&server](std::string_view question) { return server.AnswerSlowly(question); });
  if (!control.ok()) {
    LogWarning(
        "`mailhaul status`, `verify --online`, `backup` and `remove` will not reach this "
        "process: " +
        control.status().ToString());
  }
  runtime.main_loop().Post([&server] { server.Start(); });
  signals.Watch(
      runtime.main_loop(), kDrainGrace, [&server] { server.Stop(); },
      [&server] { server.Reload(); });
  runtime.Run();
  signals.Unwatch();
  NoteCleanEnd(**store, *config);
  LogInfo("stopped; all state is kept");
  return kExitDone;
}

}  // namespace mailhaul::app
