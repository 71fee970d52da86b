// Invariant 4 from the outside: what servers and network see of the engine, held against what it
// was told. Nothing of it comes from the scheduler's books, and it outlives the processes.
//
// Counts change only at these events, so a check at each of them is a check at every step:
//
//   connections   of (egress address, pool), and of the address, from the dial until the network
//                 has released it, and from the accept until the server has noticed the end
//   per mailbox   sessions that are logged in as one user
//   logins        that arrive, and dials, of (egress address, pool) in any window of one second
//   bytes         literal octets of bodies by UTC day of the server's clock
//
// A process that dies takes its connections with it at once, but servers notice only later: those
// count on while the next process runs. Its end is simulated by a clean-up that takes time; that
// time does not count.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "tests/support/memory_network.h"
#include "tests/support/scripted_mail_server.h"

namespace mailhaul::simulation {

struct ToldLimits {  // What the engine was configured with, of every pool.
  uint32_t connections = 1;
  uint32_t connections_per_mailbox = 1;
  uint32_t logins_per_second = 1;
  uint64_t bytes_per_day = 0;             // 0: no limit.
  uint32_t address_connections_less = 0;  // Than each egress address's own.
};

class LimitBook final : public test_support::NetworkObserver {
 public:
  // `clock` must outlive it. `violate` is called on every breach.
  LimitBook(const Clock& clock, std::function<void(const std::string&)> violate);
  ~LimitBook() override;

  // Hosts of one pool are counted together. The observer lives as long as the book.
  test_support::ScriptedObserver& AddHost(const std::string& host, const std::string& pool);
  void AddEgress(const std::string& address, uint32_t connections_max);
  void SetLimits(const ToldLimits& limits) { limits_ = limits; }

  void OnDial(const std::string& egress, const std::string& host) override;
  void OnReleased(const std::string& egress, const std::string& host) override;

  // The process dies now.
  void OnDeath();
  // The next one starts now, right after the death if there was one.
  void OnStart();

  uint64_t most_logins() const { return most_logins_; }  // In a second, of those allowed, percent.
  uint64_t most_bytes() const { return most_bytes_; }    // Of a day, of those allowed, percent.

 private:
  class Host;
  using PoolKey = std::pair<std::string, std::string>;
  // What is open now, and until when what a dead process had open counts on.
  struct Open {
    uint32_t count = 0;
    std::deque<TimePoint> left_over;
  };
  struct Pool {
    uint32_t dialed = 0;
    Open accepted;
    std::deque<TimePoint> dials;
    std::deque<TimePoint> logins;
    std::map<int64_t, uint64_t> bytes;  // By day.
  };
  struct Address {
    uint32_t connections_max = 0;
    uint32_t dialed = 0;
  };

  void Accept(Open& open, uint32_t allowed, const std::string& what);
  void Leave(Open& open);
  void CountInSecond(std::deque<TimePoint>& times, const std::string& what);
  void CountBytes(const PoolKey& key, uint64_t bytes);
  void ForgetPast(Open& open) const;

  const Clock& clock_;
  const std::function<void(const std::string&)> violate_;
  ToldLimits limits_;
  std::map<std::string, std::unique_ptr<Host>> hosts_;
  std::map<std::string, Address> addresses_;
  std::map<PoolKey, Pool> pools_;      // By egress address and pool.
  std::map<std::string, Open> users_;  // By pool and name.
  std::optional<TimePoint> death_;     // Of a process that nothing has followed.
  uint64_t most_logins_ = 0;
  uint64_t most_bytes_ = 0;
};

}  // namespace mailhaul::simulation
