#include <optional>
#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/flag_collector.h"
#include "connectors/imap/refusal.h"
#include "connectors/imap/scanner.h"

namespace mailhaul::imap {
namespace {

// What the responses to one EXAMINE tell.
class ExamineHandler final : public UntaggedHandler {
 public:
  Status OnUntagged(const Response& response) override {
    switch (response.kind) {
      case ResponseKind::kExists:
        opened_.messages = response.number;
        return {};
      case ResponseKind::kCondition:
        OnCode(response);
        return {};
      case ResponseKind::kVanished:
        opened_.vanished.AddAll(response.uids);
        return {};
      case ResponseKind::kFetch:
        return changed_.Add(response.fetch);
      default:
        return {};
    }
  }

  // `known`: null unless QRESYNC was asked for.
  OpenedFolder Finish(const KnownFolder* known) {
    std::vector<FlagState> changed = std::move(changed_).Finish();
    // A server whose counter went backwards has lost its history, and what it tells proves nothing.
    opened_.resynchronized = known != nullptr && opened_.uid_validity == known->uid_validity &&
                             opened_.modseq >= known->modseq;
    if (!opened_.resynchronized) {
      opened_.vanished = UidSet();
      return std::move(opened_);
    }
    if (known->uid_next > 0) {
      // The server need not remember, and may name every UID that was ever free.
      UidSet old;
      if (known->uid_next > 1) {
        old.AddRange({1, known->uid_next - 1});
      }
      opened_.vanished = opened_.vanished.Intersect(old);
      std::erase_if(changed, [known](const FlagState& s) { return s.uid >= known->uid_next; });
    }
    opened_.changed = std::move(changed);
    return std::move(opened_);
  }
  uint32_t uid_validity() const { return opened_.uid_validity; }

 private:
  static uint64_t Number(const std::string& digits, uint64_t max) {
    uint64_t value = 0;
    return ParseDecimal(digits, max, &value) ? value : 0;
  }
  void OnCode(const Response& response) {
    if (response.condition != Condition::kOk) {
      return;
    }
    const std::string& arguments = response.code.arguments;
    if (response.code.name == "UIDVALIDITY") {
      opened_.uid_validity = static_cast<uint32_t>(Number(arguments, UINT32_MAX));
    } else if (response.code.name == "UIDNEXT") {
      opened_.uid_next = static_cast<Uid>(Number(arguments, UINT32_MAX));
    } else if (response.code.name == "HIGHESTMODSEQ") {
      opened_.modseq = Number(arguments, kModseqMax);
    } else if (response.code.name == "NOMODSEQ") {
      opened_.modseq = 0;
    }
  }
  OpenedFolder opened_;
  FlagCollector changed_{false};
};

enum class Parameter : uint8_t { kNone, kCondstore, kQresync };

Parameter ChooseParameter(const Connection& connection, const Capabilities& capabilities,
                          const KnownFolder* known) {
  // What QRESYNC tells of changed messages would be without their labels.
  if (known != nullptr && known->uid_validity > 0 && known->modseq > 0 && !capabilities.labels() &&
      connection.may_enable("QRESYNC")) {
    return Parameter::kQresync;
  }
  return capabilities.modseqs() ? Parameter::kCondstore : Parameter::kNone;
}

Result<EncodedCommand> EncodeExamine(std::string tag, const std::string& wire_name,
                                     LiteralSupport literals, Parameter parameter,
                                     const KnownFolder* known) {
  CommandEncoder encoder(std::move(tag), literals);
  encoder.Raw("EXAMINE").String(wire_name);
  if (parameter == Parameter::kQresync) {
    encoder.Raw("(QRESYNC (" + std::to_string(known->uid_validity) + " " +
                std::to_string(known->modseq) + "))");
  } else if (parameter == Parameter::kCondstore) {
    encoder.Raw("(CONDSTORE)");
  }
  return std::move(encoder).Finish();
}

}  // namespace

net::Task<Result<OpenedFolder>> Examine(Connection& connection, const Capabilities& capabilities,
                                        std::string wire_name, const KnownFolder* known) {
  Parameter parameter = ChooseParameter(connection, capabilities, known);
  for (;;) {
    Result<EncodedCommand> command =
        EncodeExamine(connection.NextTag(), wire_name, capabilities.literals(), parameter, known);
    if (!command.ok()) {
      co_return command.status();
    }
    ExamineHandler handler;
    CO_TRY(const Response done, connection.Run(std::move(*command), handler));
    if (done.condition == Condition::kBad && parameter != Parameter::kNone) {
      // It does not know what it offers, or ENABLE has failed: the plain form works everywhere.
      parameter = Parameter::kNone;
      continue;
    }
    if (done.condition != Condition::kOk) {
      co_return ClassifyRefusal(done, "EXAMINE", Code::kServerRefused);
    }
    if (handler.uid_validity() == 0) {
      // Without it UIDs mean nothing from one session to the next.
      co_return Status(Code::kServerRefused, "the server gives no UIDVALIDITY for this folder");
    }
    const bool asked = parameter == Parameter::kQresync && connection.enabled("QRESYNC");
    const bool had_news = connection.TakeNews();  // Of no folder, or of the one before.
    static_cast<void>(had_news);
    co_return handler.Finish(asked ? known : nullptr);
  }
}

}  // namespace mailhaul::imap
