#include "tests/simulation/limit_book.h"

#include <algorithm>

namespace mailhaul::simulation {
namespace {

constexpr auto kLoginWindow = std::chrono::seconds(1);

std::string Text(const std::pair<std::string, std::string>& pool) {
  return "(" + (pool.first.empty() ? "any address" : pool.first) + ", " + pool.second + ")";
}

}  // namespace

// One server's tellings, put down under its pool.
class LimitBook::Host final : public test_support::ScriptedObserver {
 public:
  Host(LimitBook& book, std::string pool) : book_(book), pool_(std::move(pool)) {}

  const std::string& pool() const { return pool_; }

  void OnConnected(const std::string& client) override {
    book_.Accept(book_.pools_[{client, pool_}].accepted, book_.limits_.connections,
                 "connections that the servers of " + Text({client, pool_}) + " have open");
  }
  void OnLoginTried(const std::string& client) override {
    book_.CountInSecond(book_.pools_[{client, pool_}].logins, "logins at " + Text({client, pool_}));
  }
  void OnLoggedIn(const std::string& /*client*/, const std::string& user) override {
    book_.Accept(book_.users_[pool_ + "/" + user], book_.limits_.connections_per_mailbox,
                 "sessions of " + user);
  }
  void OnBodies(const std::string& client, uint64_t bytes) override {
    book_.CountBytes({client, pool_}, bytes);
  }
  void OnLeft(const std::string& client, const std::string& user) override {
    book_.Leave(book_.pools_[{client, pool_}].accepted);
    if (!user.empty()) {
      book_.Leave(book_.users_[pool_ + "/" + user]);
    }
  }

 private:
  LimitBook& book_;
  const std::string pool_;
};

LimitBook::LimitBook(const Clock& clock, std::function<void(const std::string&)> violate)
    : clock_(clock), violate_(std::move(violate)) {}

LimitBook::~LimitBook() = default;

test_support::ScriptedObserver& LimitBook::AddHost(const std::string& host,
                                                   const std::string& pool) {
  return *hosts_.emplace(host, std::make_unique<Host>(*this, pool)).first->second;
}

void LimitBook::AddEgress(const std::string& address, uint32_t connections_max) {
  addresses_[address].connections_max = connections_max;
}

void LimitBook::OnDial(const std::string& egress, const std::string& host) {
  const PoolKey key(egress, hosts_.at(host)->pool());
  Pool& pool = pools_[key];
  if (++pool.dialed > limits_.connections) {
    violate_(std::to_string(pool.dialed) + " connections of " + Text(key) + ", allowed are " +
             std::to_string(limits_.connections));
  }
  Address& address = addresses_.at(egress);
  const uint32_t allowed = address.connections_max - limits_.address_connections_less;
  if (++address.dialed > allowed) {
    violate_(std::to_string(address.dialed) + " connections from " + egress + ", allowed are " +
             std::to_string(allowed));
  }
  CountInSecond(pool.dials, "dials of " + Text(key));
}

void LimitBook::OnReleased(const std::string& egress, const std::string& host) {
  --pools_.at({egress, hosts_.at(host)->pool()}).dialed;
  --addresses_.at(egress).dialed;
}

void LimitBook::Accept(Open& open, uint32_t allowed, const std::string& what) {
  ++open.count;
  if (!death_.has_value()) {
    ForgetPast(open);
  }
  const size_t count = open.count + (death_.has_value() ? 0 : open.left_over.size());
  if (count > allowed) {
    violate_(std::to_string(count) + " " + what + ", allowed are " + std::to_string(allowed));
  }
}

void LimitBook::Leave(Open& open) {
  --open.count;
  if (death_.has_value()) {
    open.left_over.push_back(clock_.Now());
  }
}

void LimitBook::CountInSecond(std::deque<TimePoint>& times, const std::string& what) {
  const TimePoint now = clock_.Now();
  std::erase_if(times, [now](TimePoint at) { return at + kLoginWindow <= now; });
  times.push_back(now);
  const uint64_t allowed = std::max<uint64_t>(limits_.logins_per_second, 1);
  most_logins_ = std::max(most_logins_, times.size() * 100 / allowed);
  if (times.size() > limits_.logins_per_second) {
    violate_(std::to_string(times.size()) + " " + what + " in one second, allowed are " +
             std::to_string(limits_.logins_per_second));
  }
}

void LimitBook::CountBytes(const PoolKey& key, uint64_t bytes) {
  if (limits_.bytes_per_day == 0) {
    return;
  }
  const auto day = std::chrono::floor<std::chrono::days>(clock_.WallNow());
  uint64_t& sum = pools_[key].bytes[day.time_since_epoch().count()];
  sum += bytes;
  most_bytes_ = std::max(most_bytes_, sum * 100 / limits_.bytes_per_day);
  if (sum > limits_.bytes_per_day) {
    violate_(std::to_string(sum) + " bytes of " + Text(key) + " in one day, allowed are " +
             std::to_string(limits_.bytes_per_day));
  }
}

void LimitBook::ForgetPast(Open& open) const {
  std::erase_if(open.left_over, [this](TimePoint until) { return until <= clock_.Now(); });
}

void LimitBook::OnDeath() {
  for (auto& [key, pool] : pools_) {
    ForgetPast(pool.accepted);
  }
  for (auto& [user, open] : users_) {
    ForgetPast(open);
  }
  death_ = clock_.Now();
}

void LimitBook::OnStart() {
  if (!death_.has_value()) {
    return;
  }
  const Duration cleaning = clock_.Now() - *death_;
  const auto move = [cleaning](std::deque<TimePoint>& times) {
    for (TimePoint& at : times) {
      at += cleaning;
    }
  };
  for (auto& [key, pool] : pools_) {
    move(pool.accepted.left_over);
    move(pool.dials);
    move(pool.logins);
  }
  for (auto& [user, open] : users_) {
    move(open.left_over);
  }
  death_.reset();
}

}  // namespace mailhaul::simulation
