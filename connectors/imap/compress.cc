#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {

net::Task<Status> Compress(Connection& connection) {
  IgnoreUntagged ignore;
  EncodedCommand command = PlainCommand(connection.NextTag(), "COMPRESS DEFLATE");
  CO_TRY(const Response done, connection.Run(std::move(command), ignore));
  if (done.condition == Condition::kOk) {
    // Whatever lies unread behind the OK has to be DEFLATE, or the session ends.
    connection.StartDeflate();
    co_return Status::Ok();
  }
  const Status refusal = ClassifyRefusal(done, "COMPRESS", Code::kServerRefused);
  co_return refusal.code() == Code::kThrottled ? refusal : Status::Ok();
}

}  // namespace mailhaul::imap
