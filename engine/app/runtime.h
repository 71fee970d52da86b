// The real process put together: clock, store, committer, pools, loops, network, collector.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "connectors/dialer.h"
#include "connectors/net/uv_loop.h"
#include "connectors/net/uv_network.h"
#include "engine/app/collector.h"
#include "engine/app/readers_lock.h"
#include "engine/config/config.h"
#include "engine/pipeline/blocking_pool.h"
#include "engine/pipeline/committer.h"
#include "engine/pipeline/context.h"
#include "engine/pipeline/tbb_work_pool.h"
#include "store/mail_store.h"
#include "store/rocksdb_store.h"

namespace mailhaul::app {

// The data directory, opened. Member order is opening order; closing is the reverse.
struct OpenStore {
  std::optional<ReadersLock> reading;  // For reading.
  SystemClock clock;
  store::PosixFileSystem files;
  std::unique_ptr<store::EmbeddedStore> records;
  std::unique_ptr<store::BlobStore> blobs;
  std::unique_ptr<store::MailStore> mail;
  bool after_unclean_end = false;  // For writing: the writer before this one did not end in order.
};

// For writing: one process at a time (kStoreLocked). kDiskFull, kIo and kCorrupt name the place.
Result<std::unique_ptr<OpenStore>> OpenForWriting(const config::Config& config);
// The process is about to end in order: the next one need not be careful.
void NoteCleanEnd(OpenStore& store, const config::Config& config);
// Beside a running server: what was durable at this moment. kNotFound when there is no store yet.
Result<std::unique_ptr<OpenStore>> OpenForReading(const config::Config& config);

// Owns the threads. Made and destroyed on the main thread, which also runs the main loop.
class Runtime final {
 public:
  // kInvalidArgument when network.ca_file cannot be used.
  static Result<std::unique_ptr<Runtime>> Create(const config::Config& config,
                                                 store::MailStore& store);
  ~Runtime();  // Ends the other loops and waits for everything submitted.
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  net::UvLoop& main_loop() { return loops_.front()->loop; }
  net::Network& main_network() { return *loops_.front()->network; }
  pipeline::Context& context() { return context_; }
  WorkPool& reads() { return reads_; }
  std::vector<Worker> workers();

  // Runs the main loop on this thread, and the others on theirs, until StopLoops().
  void Run();
  void StopLoops();

 private:
  struct LoopThread {
    net::UvLoop loop;
    std::unique_ptr<net::UvNetwork> network;
    std::unique_ptr<Dialer> dialer;
    std::unique_ptr<HttpClient> http;
    std::thread thread;  // Not for the main loop.
  };

  Runtime(const config::Config& config, store::MailStore& store);
  Status AddLoops(const config::Config& config);

  SystemClock clock_;
  MemoryBudget budget_;
  pipeline::Progress progress_;
  // Before all that runs work of theirs: the last of it still posts to them. Closed by then.
  std::vector<std::unique_ptr<LoopThread>> loops_;
  pipeline::BlockingPool reads_;
  pipeline::ThreadCommitter committer_;
  pipeline::TbbWorkPool cpu_;  // After the committer: its last work submits to it.
  pipeline::Context context_;
};

// Blocks SIGINT and SIGTERM in every thread and hands them to a loop. One at a time per process;
// made before any other thread.
class SignalWatcher final {
 public:
  // `hangup`: SIGHUP too, which then ends nothing.
  explicit SignalWatcher(bool hangup = false);
  ~SignalWatcher();
  // Calls `on_signal` on `loop` at the first signal; a second one, or `grace` without an end, ends
  // the process with exit code 4: that is safe at any instant.
  // `on_hangup` is called on `loop` at every SIGHUP before that.
  void Watch(net::Loop& loop, Duration grace, std::function<void()> on_signal,
             std::function<void()> on_hangup = nullptr);
  // The loop is about to go: later signals are left to whoever watches next.
  void Unwatch();
  bool interrupted() const { return interrupted_; }

 private:
  void Run(net::Loop& loop, Duration grace, const std::function<void()>& on_signal,
           const std::function<void()>& on_hangup);

  const bool hangup_;
  std::atomic<bool> interrupted_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace mailhaul::app
