#include "engine/app/change_notice.h"

#include <utility>

namespace mailhaul::app {

void ChangeNotice::Note(TenantId tenant) {
  const std::lock_guard lock(mutex_);
  if (!tell_) {
    return;
  }
  noted_.insert(tenant);
  if (!posted_) {
    posted_ = true;
    loop_.Post([self = shared_from_this()] { self->Deliver(); });
  }
}

void ChangeNotice::Close() {
  const std::lock_guard lock(mutex_);
  tell_ = nullptr;
}

void ChangeNotice::Deliver() {
  std::set<TenantId> noted;
  std::function<void(TenantId)> tell;
  {
    const std::lock_guard lock(mutex_);
    posted_ = false;
    noted.swap(noted_);
    tell = tell_;
  }
  for (const TenantId tenant : noted) {
    if (tell) {
      tell(tenant);
    }
  }
}

}  // namespace mailhaul::app
