// NOOP: whether something happened in the open folder.
#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

// While nothing is asked for, a FETCH tells of flags that changed.
class NewsHandler final : public UntaggedHandler {
 public:
  explicit NewsHandler(Connection& connection) : connection_(connection) {}
  Status OnUntagged(const Response& response) override {
    if (response.kind == ResponseKind::kFetch) {
      connection_.NoteNews();
    }
    return {};
  }

 private:
  Connection& connection_;
};

}  // namespace

net::Task<Result<bool>> PollForNews(Connection& connection) {
  NewsHandler handler(connection);
  EncodedCommand command = PlainCommand(connection.NextTag(), "NOOP");
  CO_TRY(const Response done, connection.Run(std::move(command), handler));
  if (done.condition != Condition::kOk) {
    co_return ClassifyRefusal(done, "NOOP", Code::kServerRefused);
  }
  co_return connection.TakeNews();
}

}  // namespace mailhaul::imap
