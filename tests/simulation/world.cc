#include "tests/simulation/world.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "connectors/dialer.h"
#include "engine/app/collector.h"
#include "engine/app/run_marker.h"
#include "engine/app/send_lines.h"
#include "engine/mime/message_parser.h"
#include "engine/pipeline/committer.h"
#include "store/mail_store.h"
#include "tests/support/memory_network.h"

namespace mailhaul::simulation {
namespace {

constexpr WallTime kStart{std::chrono::seconds(1'795'000'000)};
constexpr auto kDay = std::chrono::hours(24);
constexpr char kSent[] = "Sent";  // Other clients leave it alone, servers may renumber it.
// The longest pause between two tries, and what comes before it.
constexpr auto kSentWithin = std::chrono::minutes(90);
constexpr uint64_t kStepsMax = 5'000'000;  // A life that takes more does not end.

uint64_t Mix(uint64_t hash, std::string_view text) {
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  }
  return hash;
}

}  // namespace

// Member order is that of a process's start; its end is the reverse.
struct World::Life {
  Life(World& world, const config::Config& config, const test_support::MemoryNetworkOptions& wire,
       size_t budget_bytes, Duration disk_delay)
      : loop(world.clock_),
        network(wire, world.random_),
        dialer(network, DialerOptions()),
        budget(budget_bytes),
        records(world.wrapper_ ? world.wrapper_(world.records_) : nullptr),
        disk_delay_(disk_delay),
        config_(config),
        world_(world) {}

  Status Open(bool continuous) {
    store::BlobStoreOptions options;
    options.directory = "/data/blobs";
    options.segment_bytes_max = uint64_t{1} << 20;
    MH_ASSIGN_OR_RETURN(blobs, store::BlobStore::Open(world_.files_, options));
    store::KeyValueStore& used = records != nullptr ? *records : world_.records_;
    MH_ASSIGN_OR_RETURN(mail, store::MailStore::Open(used, *blobs, world_.clock_));
    committer = std::make_unique<pipeline::LoopCommitter>(*mail, loop, disk_delay_);
    context = std::unique_ptr<pipeline::Context>(
        new pipeline::Context{*mail, *committer, cpu, cpu, budget, world_.clock_, progress});
    app::CollectorOptions collector_options;
    collector_options.continuous = continuous;
    collector_options.records = &used;
    MH_RETURN_IF_ERROR(world_.files_.CreateDirectories("/data"));
    MH_ASSIGN_OR_RETURN(collector_options.after_unclean_end,
                        app::MarkRunning(world_.files_, "/data"));
    collector_options.scheduler.backfill_slice_bytes = 64 * 1024;
    const std::vector<app::Worker> workers = {{.loop = &loop, .dialer = &dialer, .http = nullptr}};
    collector =
        std::make_unique<app::Collector>(collector_options, config_, *context, loop, workers);
    MH_RETURN_IF_ERROR(collector->Prepare());
    if (continuous) {
      sending =
          std::make_unique<app::SendLines>(config_, *collector, *context, loop, world_.random_);
    }
    return {};
  }
  Senders::Process process() { return {*context, sending->sender()}; }
  void Start() {
    collector->Start([this] { over = true; });
    if (sending != nullptr) {
      sending->sender().Start();
      world_.senders_.AskAgain(process());
    }
  }
  void Stop() {
    collector->Stop();
    if (sending != nullptr) {
      sending->sender().Stop([this] { sender_over = true; });
    }
  }
  bool at_rest() const { return over && (sending == nullptr || sender_over); }

  net::VirtualLoop loop;
  test_support::MemoryNetwork network;
  Dialer dialer;
  MemoryBudget budget;
  InlineWorkPool cpu;
  pipeline::Progress progress;
  std::unique_ptr<store::KeyValueStore> records;
  std::unique_ptr<store::BlobStore> blobs;
  std::unique_ptr<store::MailStore> mail;
  std::unique_ptr<pipeline::LoopCommitter> committer;
  std::unique_ptr<pipeline::Context> context;
  std::unique_ptr<app::Collector> collector;
  std::unique_ptr<app::SendLines> sending;  // In continuous lives.
  bool over = false;
  bool sender_over = false;

 private:
  const Duration disk_delay_;
  const config::Config& config_;
  World& world_;
};

World::World(uint64_t seed, RecordsWrapper wrapper)
    : seed_(seed),
      random_(seed),
      wrapper_(std::move(wrapper)),
      clock_(kStart + std::chrono::minutes(random_.Below(24 * 60))),
      latency_(std::chrono::milliseconds(random_.Below(30))),
      book_(clock_, [this](const std::string& what) { Violate(what); }),
      senders_(random_, clock_, [this](const std::string& what) { Violate(what); }) {
  SetLogLevel(LogLevel::kOff);
  mime::Initialize();
  MakeLimits();
  MakeConfig();
  FillServers();
}

void World::MakeLimits() {
  config_.default_limits.connections = static_cast<uint32_t>(Between(1, 3));
  config_.default_limits.logins_per_second =
      static_cast<uint32_t>(random_.Chance(1, 2) ? Between(1, 3) : Between(4, 50));
  for (uint64_t i = Between(0, 3); i > 0; --i) {
    config_.egress.push_back({.address = "192.0.2." + std::to_string(i),
                              .connections = static_cast<uint32_t>(Between(1, 4))});
    book_.AddEgress(config_.egress.back().address, config_.egress.back().connections);
  }
  book_.AddEgress("", config::Egress().connections);
  TellLimits(random_.Chance(1, 3) ? Between(10, 40) * 1000 : 0);
}

void World::TellLimits(uint64_t bytes_per_day) {
  config_.default_limits.bytes_per_day = bytes_per_day;
  ToldLimits told{.connections = config_.default_limits.connections,
                  .connections_per_mailbox = 1,
                  .logins_per_second = config_.default_limits.logins_per_second,
                  .bytes_per_day = bytes_per_day};
  if (tighten_) {
    tighten_(told);
  }
  book_.SetLimits(told);
}

void World::TightenServers(const std::function<void(ToldLimits&)>& tighten) {
  tighten_ = tighten;
  TellLimits(config_.default_limits.bytes_per_day);
}

void World::MakeConfig() {
  const uint64_t hosts = Between(1, 3);
  const bool one_provider = random_.Chance(1, 3);  // It counts all its hosts together.
  const uint64_t tenants = Between(1, 3);
  for (uint64_t t = 0; t < tenants; ++t) {
    config::TenantConfig tenant;
    tenant.name = "tenant" + std::to_string(t);
    tenant.freshness.normal = std::chrono::seconds(Between(20, 120));
    const bool mirror = random_.Chance(1, 2);
    tenant.collect.deletions = mirror ? config::Deletions::kMirror : config::Deletions::kKeep;
    const uint64_t mailboxes = Between(1, 3);
    for (uint64_t m = 0; m < mailboxes; ++m) {
      config::MailboxConfig mailbox;
      mailbox.id = "box" + std::to_string(m);
      mailbox.address = tenant.name + "-" + mailbox.id + "@example.org";
      mailbox.source.host = "mail" + std::to_string(random_.Below(hosts)) + ".example.org";
      mailbox.source.port = 993;
      mailbox.pool = one_provider ? "provider" : mailbox.source.host;
      mailbox.source.username = mailbox.address;
      mailbox.source.password = Secret("right");
      accounts_.push_back({.tenant = tenant.name,
                           .mailbox = mailbox.id,
                           .host = mailbox.source.host,
                           .pool = mailbox.pool,
                           .user = mailbox.address,
                           .submission_host = {},
                           .mirror = mirror});
      if (random_.Chance(1, 2)) {
        mailbox.submission.emplace(mailbox.source);
        mailbox.submission->host = "smtp." + mailbox.source.host;
        mailbox.submission->port = Senders::kPort;
        accounts_.back().submission_host = mailbox.submission->host;
      }
      tenant.mailboxes.push_back(std::move(mailbox));
    }
    config_.tenants.push_back(std::move(tenant));
  }
}

void World::ChooseCapabilities(test_support::ScriptedMailServer& server) {
  std::vector<std::string>& capabilities = server.options.capabilities;
  if (random_.Chance(1, 2)) {
    capabilities.emplace_back("LIST-STATUS");
  }
  if (random_.Chance(2, 3)) {
    capabilities.insert(capabilities.end(), {"CONDSTORE", "ENABLE"});
    if (random_.Chance(1, 2)) {
      capabilities.emplace_back("QRESYNC");
    }
  }
}

void World::FillServers() {
  for (const Account& account : accounts_) {
    test_support::ScriptedMailServer& server = servers_[account.host];
    if (server.accounts.empty()) {
      ChooseCapabilities(server);
      server.observer = &book_.AddHost(account.host, account.pool);
    }
    server.AddAccount(account.user, "right");
    if (!account.submission_host.empty()) {
      book_.AddHost(account.submission_host, account.submission_host);
      senders_.Add({.tenant = account.tenant,
                    .mailbox = account.mailbox,
                    .address = account.user,
                    .host = account.submission_host,
                    .source = &server});
    }
    servers_[account.host].Folder(account.user, "INBOX").uid_validity = 7;
    const uint64_t folders = Between(1, 3);
    for (uint64_t f = 0; f < folders; ++f) {
      const std::string folder = f == 0 ? "INBOX" : "Folder" + std::to_string(f);
      servers_[account.host].Folder(account.user, folder);
      for (uint64_t count = Between(0, 30); count > 0; --count) {
        AddMessage(account, folder);
      }
    }
  }
}

std::string World::MakeRaw() {
  const uint64_t number = ++message_number_;
  std::string raw = "From: a@example.org\r\nTo: b@example.org\r\nSubject: number " +
                    std::to_string(number) + "\r\nMessage-ID: <" + std::to_string(number) +
                    "@example.org>\r\n\r\n";
  // What is larger than a part of a day's bytes is not fetched at all.
  const bool large = config_.default_limits.bytes_per_day == 0 && random_.Chance(1, 150);
  const uint64_t size = large ? Between(1'100'000, 1'300'000) : Between(10, 4000);
  while (raw.size() < size) {
    raw += "line " + std::to_string(random_.Below(1000)) + " of the text\r\n";
    if (size > 100'000) {
      raw.append(size / 4, 'x');
      raw += "\r\n";
    }
  }
  return raw;
}

void World::AddMessage(const Account& account, const std::string& folder) {
  // Old ones well outside the window, young ones well inside it; a few are copies of others.
  const auto age = random_.Chance(1, 2) ? kDay * Between(0, 20) : kDay * Between(40, 90);
  FolderHistory& history = history_[account.user + "/" + folder];
  std::string raw =
      !history.added.empty() && random_.Chance(1, 15) ? history.added.begin()->first : MakeRaw();
  ++history.added[raw];
  ++originals_[account.user][raw];
  servers_[account.host].Folder(account.user, folder).Add(std::move(raw), clock_.WallNow() - age);
}

void World::MoveMessage(const Account& account, test_support::ScriptedFolder& from,
                        const std::string& from_name) {
  auto& folders = servers_[account.host].accounts.at(account.user).folders;
  auto to = std::next(folders.begin(), static_cast<ptrdiff_t>(random_.Below(folders.size())));
  if (to->first == from_name || to->first == kSent) {
    return;
  }
  const test_support::ScriptedMessage moved =
      from.messages()[random_.Below(from.messages().size())];
  to->second.AddShared(moved.raw, moved.internal_date, moved.flags);
  from.Expunge(moved.uid);
  ++history_[account.user + "/" + to->first].added[*moved.raw];
  if (living_) {
    moved_live_[account.user].insert(*moved.raw);
  }
}

void World::MutateServers() {
  mutated_ = true;
  const Account& account = accounts_[random_.Below(accounts_.size())];
  auto& folders = servers_[account.host].accounts.at(account.user).folders;
  auto chosen = std::next(folders.begin(), static_cast<ptrdiff_t>(random_.Below(folders.size())));
  test_support::ScriptedFolder& folder = chosen->second;
  if (chosen->first == kSent) {
    folder.Renumber(folder.uid_validity + 1);
    return;
  }
  if (folder.messages().empty()) {
    AddMessage(account, chosen->first);
    return;
  }
  const Uid some = folder.messages()[random_.Below(folder.messages().size())].uid;
  switch (random_.Below(8)) {
    case 0:
      folder.Expunge(some);
      break;
    case 1:
      folder.Renumber(folder.uid_validity + 1);
      break;
    case 2:
    case 3:
      folder.SetFlags(some, static_cast<uint8_t>(random_.Below(16)));
      break;
    case 4:
    case 5:
      MoveMessage(account, folder, chosen->first);
      break;
    default:
      AddMessage(account, chosen->first);
      break;
  }
}

// What is done here: looking again, sending.
void World::ActAsUsers(Life& life) {
  if (life.sending == nullptr) {
    return;
  }
  const Account& account = accounts_[random_.Below(accounts_.size())];
  switch (random_.Below(5)) {
    case 0:
      life.loop.Post(
          [&life, &account] { life.collector->Refresh(account.tenant, account.mailbox); });
      break;
    case 1:
      life.loop.Post(
          [&life, &account] { life.collector->MarkActive(account.tenant, account.mailbox); });
      break;
    default:
      if (senders_.empty()) {
        break;
      }
      if (const std::optional<Senders::HandedIn> sent = senders_.Act(life.process())) {
        ++history_[sent->address + "/" + kSent].added[sent->body];
        ++originals_[sent->address][sent->body];
      }
  }
}

void World::SetFaults(bool clean) {
  senders_.SetFaults(clean);
  for (auto& [host, server] : servers_) {
    server.faults = {};
    if (clean) {
      continue;
    }
    server.faults.delay_per_command = std::chrono::milliseconds(random_.Below(200));
    server.faults.uid_after_body = random_.Chance(1, 4);
    server.faults.unsolicited = random_.Chance(1, 4);
    server.faults.reverse_order = random_.Chance(1, 4);
    // Nobody can foresee that a server sends twice what it announced.
    server.faults.double_bodies = config_.default_limits.bytes_per_day == 0 && random_.Chance(1, 6);
    server.faults.size_lie = random_.Chance(1, 4) ? static_cast<int64_t>(random_.Below(400)) : 0;
    server.faults.hang_up = random_.Chance(1, 12);
    if (random_.Chance(1, 8)) {
      server.faults.append_cut = 0;  // Of every copy in Sent.
    }
    if (random_.Chance(1, 10)) {
      server.faults.refuse_login = "NO [LIMIT] Too many connections";
    }
  }
}

void World::LiveOnce(const LifePlan& plan) {
  ++report_.lives;
  SetFaults(plan.clean);
  test_support::MemoryNetworkOptions wire;
  wire.latency = latency_;
  wire.cut_one_in = plan.clean ? 0 : Between(0, 4);
  wire.cut_bytes_max = Between(100, 60'000);
  wire.observer = &book_;
  book_.OnStart();
  const size_t budget = Between(64, 8192) * 1024;
  const Duration disk_delay = std::chrono::microseconds(random_.Below(20'000));
  {
    Life life(*this, config_, wire, budget, disk_delay);
    for (auto& [host, server] : servers_) {
      life.network.RegisterImap(host, 993, server);
    }
    senders_.Register(life.network);
    const Status opened = life.Open(plan.continuous);
    if (!opened.ok()) {
      Violate("the store does not open: " + opened.ToString());
      return;
    }
    RunLife(life, plan);
    life.loop.Await(life.network.Drain());
    if (plan.clean && !plan.continuous &&
        life.collector->summary().mailboxes_complete != accounts_.size()) {
      Violate("a run without faults leaves mailboxes incomplete");
    }
    Trace(std::to_string(clock_.Now().time_since_epoch().count()) + " " +
          std::to_string(life.loop.steps()));
  }
  for (auto& [host, server] : servers_) {
    for (const std::string& line : server.counters.lines) {
      Trace(line);
    }
    for (const std::string& command : server.counters.WritingCommands()) {
      if (command != "APPEND") {
        Violate("wrote to the source: " + command);
      }
    }
    server.counters = {};
  }
  // A process that was killed leaves the page cache behind, so only a power cut loses what was not
  // synced. This is the power cut.
  files_.DropUnsynced(random_);
  records_.Thaw();
}

void World::RunLife(Life& life, const LifePlan& plan) {
  life.loop.Post([&life] { life.Start(); });
  if (plan.until_sent) {
    AwaitSent(life);
  }
  uint64_t next_mutation = plan.clean ? UINT64_MAX : Between(50, 3000);
  const TimePoint end = clock_.Now() + std::chrono::minutes(plan.until_sent   ? 0
                                                            : plan.continuous ? 20
                                                                              : 600);
  const auto must_act = [&] {
    return life.over || life.loop.steps() >= next_mutation ||
           (plan.dies_at_step != 0 && life.loop.steps() >= plan.dies_at_step) ||
           life.loop.steps() >= kStepsMax;
  };
  living_ = true;
  bool died = false;
  bool acts = false;
  while ((acts = life.loop.RunUntil(must_act, end)) && !life.over) {
    if (life.loop.steps() >= kStepsMax) {
      Violate("a life does not end");
      break;
    }
    if (plan.dies_at_step != 0 && life.loop.steps() >= plan.dies_at_step) {
      ++report_.deaths;
      died = true;
      files_.Freeze();
      records_.Freeze();
      book_.OnDeath();
      senders_.EndProcess();
      life.loop.Post([&life] { life.network.Sever(); });
      break;
    }
    MutateServers();
    ActAsUsers(life);
    next_mutation = life.loop.steps() + Between(50, 3000);
  }
  living_ = false;
  // With the bytes of a day used up nothing need recover before the next.
  if (plan.continuous && !plan.until_sent && !acts && config_.default_limits.bytes_per_day == 0) {
    ++report_.recoveries;
    CheckRecovery(life);
  }
  senders_.EndProcess();
  if (!life.at_rest()) {
    // Of a dead process this is only the simulator's clean-up: its disk is frozen already.
    life.loop.Post([&life] { life.Stop(); });
    MH_CHECK(life.loop.RunUntil([&life] { return life.at_rest(); }));
  }
  if (!died && !app::MarkEnded(files_, "/data").ok()) {
    Violate("the end in order cannot be noted");
  }
}

// Once faults stop, every mailbox is soon checked again by the same process: the longest back-off
// is a quarter of an hour, spread by a quarter, for a mailbox behind one for its pool.
void World::CheckRecovery(Life& life) {
  SetFaults(/*clean=*/true);
  life.network.StopCuts();
  const WallTime stopped = clock_.WallNow();
  const auto recovered = [&] {
    const auto& mailboxes = life.collector->mailboxes();
    return std::all_of(mailboxes.begin(), mailboxes.end(),
                       [&](const auto& mailbox) { return mailbox->last_complete > stopped; });
  };
  if (!life.loop.RunUntil(recovered, clock_.Now() + std::chrono::minutes(45))) {
    Violate("a mailbox is not checked although faults stopped 45 min ago");
  }
}

void World::AwaitSent(Life& life) {
  constexpr uint64_t kLookEvery = 200;  // Steps.
  uint64_t looks = 0;
  const auto sent = [&] {
    return ++looks % kLookEvery == 0 && senders_.FindOpen(*life.mail).empty();
  };
  if (!life.loop.RunUntil(sent, clock_.Now() + kSentWithin)) {
    Violate("not over after an hour and a half without faults: " + senders_.FindOpen(*life.mail));
  }
}

void World::Violate(const std::string& what) {
  report_.violations.push_back("seed " + std::to_string(seed_) + ", life " +
                               std::to_string(report_.lives) + ": " + what);
}

void World::Trace(const std::string& event) { report_.trace = Mix(report_.trace, event); }

Report World::Run() {
  const uint64_t faulty_lives = Between(1, 4);
  for (uint64_t i = 0; i < faulty_lives && report_.violations.empty(); ++i) {
    LifePlan plan;
    plan.continuous = random_.Chance(1, 2);
    plan.dies_at_step = random_.Chance(3, 4) ? Between(20, 6000) : 0;
    LiveOnce(plan);
    Check(/*complete=*/false);
    for (uint64_t changes = Between(0, 6); changes > 0; --changes) {
      MutateServers();
    }
  }
  // Everything is to come: within one run only without a limit of the day's bytes.
  TellLimits(/*bytes_per_day=*/0);
  if (!senders_.empty() && report_.violations.empty()) {
    LiveOnce({.clean = true, .continuous = true, .until_sent = true});
  }
  LifePlan last;
  last.clean = true;
  LiveOnce(last);
  Check(/*complete=*/true);
  for (const auto& [host, server] : servers_) {
    for (const auto& [user, account] : server.accounts) {
      for (const auto& [name, folder] : account.folders) {
        report_.messages += folder.messages().size();
      }
    }
  }
  report_.sent = senders_.sent();
  report_.most_logins = book_.most_logins();
  report_.most_bytes = book_.most_bytes();
  return std::move(report_);
}

}  // namespace mailhaul::simulation
