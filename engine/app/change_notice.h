// Carries word of grown change logs from the committer's thread to a loop: once per tenant, however
// many commits come meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "base/ids.h"
#include "connectors/net/loop.h"

namespace mailhaul::app {

// Shared between the store's listener and whoever is told, since either may end first.
class ChangeNotice final : public std::enable_shared_from_this<ChangeNotice> {
 public:
  // `loop` must outlive the time until Close().
  ChangeNotice(net::Loop& loop, std::function<void(TenantId)> tell)
      : loop_(loop), tell_(std::move(tell)) {}

  // Thread-safe. Does not block.
  void Note(TenantId tenant);
  // Nothing is told afterwards. On the loop, or when it has ended.
  void Close();

 private:
  void Deliver();

  net::Loop& loop_;
  std::mutex mutex_;
  std::function<void(TenantId)> tell_;  // Guarded by mutex_, as are the others.
  std::set<TenantId> noted_;
  bool posted_ = false;
};

}  // namespace mailhaul::app
