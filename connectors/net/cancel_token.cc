#include "connectors/net/cancel_token.h"

#include <utility>

namespace mailhaul::net {

CancelToken::Registration::Registration(CancelToken& token, std::function<void()> cancel)
    : token_(token), id_(++token.last_id_) {
  if (token.cancelled_) {
    cancel();
  } else {
    token.waiting_.emplace(id_, std::move(cancel));
  }
}

void CancelToken::Cancel() {
  cancelled_ = true;
  const std::map<uint64_t, std::function<void()>> waiting = std::exchange(waiting_, {});
  for (const auto& [id, cancel] : waiting) {
    cancel();
  }
}

}  // namespace mailhaul::net
