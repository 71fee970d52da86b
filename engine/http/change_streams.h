// The open event streams of a server: how many a token has, and whom a change wakes.
//
// Loop thread only. Outlives its seats.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "connectors/net/task.h"
#include "connectors/net/waker.h"

namespace mailhaul::http {

inline constexpr size_t kStreamsPerTokenMax = 16;
inline constexpr size_t kStreamsMax = 500;  // Half of the connections stay for other requests.
// A comment goes out after so much silence: proxies keep the connection, and we notice a client
// that is gone.
inline constexpr Duration kHeartbeatTime = std::chrono::seconds(15);
// The change log is read at least so often: for changes that nobody told of.
inline constexpr Duration kChangePollTime = std::chrono::seconds(5);

class ChangeStreams final {
 public:
  // One stream's place. Gives it back when it dies.
  class Seat final {
   public:
    Seat(ChangeStreams& streams, std::string tenant, std::string token);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    // Until the tenant's changes grow or everybody is woken, at once if that has happened since the
    // last wait; at the latest until `when`.
    net::Task<void> WaitUntil(TimePoint when) { return waker_.WaitUntil(when); }

   private:
    friend class ChangeStreams;

    ChangeStreams& streams_;
    const std::string tenant_;
    const std::string token_;
    net::Waker waker_;
  };

  // Null when the token or the server has as many as it may have.
  std::unique_ptr<Seat> Open(const std::string& tenant, const std::string& token);
  void WakeTenant(std::string_view tenant);
  void WakeAll();
  size_t size() const { return seats_.size(); }

 private:
  std::set<Seat*> seats_;
  std::map<std::string, size_t> per_token_;
};

}  // namespace mailhaul::http
