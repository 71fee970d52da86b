#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/fetch_pipeline.h"
#include "connectors/imap/flag_collector.h"

namespace mailhaul::imap {
namespace {

class FlagHandler final : public FetchHandler {
 public:
  explicit FlagHandler(bool with_labels) : collector_(with_labels) {}
  Status OnFetch(const FetchEntry& fetch) override { return collector_.Add(fetch); }
  void OnRefused(Uid /*uid*/) override {}
  std::vector<FlagState> Finish() { return std::move(collector_).Finish(); }

 private:
  FlagCollector collector_;
};

}  // namespace

net::Task<Result<std::vector<FlagState>>> FetchFlagStates(Connection& connection,
                                                          const Capabilities& capabilities,
                                                          const UidSet& uids,
                                                          uint64_t changed_since,
                                                          size_t set_bytes_max) {
  FetchPlan plan;
  plan.items = capabilities.labels() ? "(UID FLAGS X-GM-LABELS)" : "(UID FLAGS)";
  plan.messages_max = kFlagMessagesMax;
  plan.set_bytes_max = set_bytes_max;
  if (changed_since > 0 && capabilities.modseqs()) {
    // RFC 7162 section 3.1.4.1. Only the few that changed answer, so the sets may be large.
    plan.modifier = "(CHANGEDSINCE " + std::to_string(changed_since) + ")";
    plan.messages_max = UINT32_MAX;
  }
  FlagHandler handler(capabilities.labels());
  CO_RETURN_IF_ERROR(FetchAll(connection, uids, plan, handler));
  co_return handler.Finish();
}

}  // namespace mailhaul::imap
