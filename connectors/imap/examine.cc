#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/refusal.h"
#include "connectors/imap/scanner.h"

namespace mailhaul::imap {
namespace {

class ExamineHandler final : public UntaggedHandler {
 public:
  Status OnUntagged(const Response& response) override {
    if (response.kind == ResponseKind::kExists) {
      opened_.messages = response.number;
    } else if (response.condition == Condition::kOk && response.code.name == "UIDVALIDITY") {
      opened_.uid_validity = Number(response.code.arguments);
    } else if (response.condition == Condition::kOk && response.code.name == "UIDNEXT") {
      opened_.uid_next = Number(response.code.arguments);
    }
    return {};
  }
  const OpenedFolder& opened() const { return opened_; }

 private:
  static uint32_t Number(const std::string& digits) {
    uint64_t value = 0;
    return ParseDecimal(digits, UINT32_MAX, &value) ? static_cast<uint32_t>(value) : 0;
  }
  OpenedFolder opened_;
};

}  // namespace

net::Task<Result<OpenedFolder>> Examine(Connection& connection, std::string wire_name,
                                        LiteralSupport literals) {
  CommandEncoder encoder(connection.NextTag(), literals);
  encoder.Raw("EXAMINE").String(wire_name);
  Result<EncodedCommand> command = std::move(encoder).Finish();
  if (!command.ok()) {
    co_return command.status();
  }
  ExamineHandler handler;
  CO_TRY(const Response done, connection.Run(std::move(*command), handler));
  if (done.condition != Condition::kOk) {
    co_return ClassifyRefusal(done, "EXAMINE", Code::kServerRefused);
  }
  if (handler.opened().uid_validity == 0) {
    // Without it UIDs mean nothing from one session to the next.
    co_return Status(Code::kServerRefused, "the server gives no UIDVALIDITY for this folder");
  }
  co_return handler.opened();
}

}  // namespace mailhaul::imap
