#include <algorithm>
#include <chrono>
#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/internal_date.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

class SearchHandler final : public UntaggedHandler {
 public:
  explicit SearchHandler(uint32_t messages) : messages_(messages) {}

  Status OnUntagged(const Response& response) override {
    if (response.kind == ResponseKind::kSearch) {
      uids_.AddAll(response.uids);
    } else if (response.kind == ResponseKind::kExists) {
      messages_ = std::max(messages_, response.number);
    }
    return {};
  }

  Result<UidSet> Finish() {
    // A range of four billion costs a hostile server ten bytes and us days. Servers that count a
    // little differently from what they list are real.
    if (uids_.size() > uint64_t{messages_} * 2 + kSurplusUidsMax) {
      return Status(Code::kProtocol, "the server lists " + std::to_string(uids_.size()) +
                                         " UIDs in a folder of " + std::to_string(messages_) +
                                         " messages");
    }
    return std::move(uids_);
  }

 private:
  uint32_t messages_;
  UidSet uids_;
};

net::Task<Result<UidSet>> RunSearch(Connection& connection, EncodedCommand command,
                                    uint32_t messages) {
  SearchHandler handler(messages);
  CO_TRY(const Response done, connection.Run(std::move(command), handler));
  if (done.condition != Condition::kOk) {
    co_return ClassifyRefusal(done, "UID SEARCH", Code::kServerRefused);
  }
  co_return handler.Finish();
}

}  // namespace

net::Task<Result<UidSet>> SearchUids(Connection& connection, const Capabilities& capabilities,
                                     std::optional<WallTime> since, uint32_t messages) {
  std::string text = "UID SEARCH ";
  if (capabilities.Has("ESEARCH") || capabilities.Has("IMAP4REV2")) {
    text += "RETURN (ALL) ";
  }
  // One day less: the server compares local dates.
  text += since ? "SINCE " + FormatDate(*since - std::chrono::days(1)) : "ALL";
  EncodedCommand command = PlainCommand(connection.NextTag(), text);
  co_return co_await RunSearch(connection, std::move(command), messages);
}

net::Task<Result<UidSet>> SearchMessageId(Connection& connection, const Capabilities& capabilities,
                                          std::string message_id) {
  CommandEncoder encoder(connection.NextTag(), capabilities.literals());
  encoder.Raw("UID SEARCH HEADER Message-ID").String(message_id);
  Result<EncodedCommand> command = std::move(encoder).Finish();
  if (!command.ok()) {
    co_return command.status();
  }
  co_return co_await RunSearch(connection, std::move(*command), connection.messages());
}

}  // namespace mailhaul::imap
