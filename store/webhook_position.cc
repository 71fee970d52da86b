#include "store/webhook_position.h"

#include "base/check.h"
#include "store/control_rows.h"
#include "store/key_layout.h"

namespace mailhaul::store {

Result<std::map<std::string, std::string>> ReadWebhookPositions(KeyValueStore& records) {
  std::map<std::string, std::string> positions;
  MH_RETURN_IF_ERROR(ReadControlRows(records, WebhookKey(""),
                                     [&positions](std::string_view name, std::string_view value) {
                                       positions.emplace(name, value);
                                       return Status::Ok();
                                     }));
  return positions;
}

Status SaveWebhookPosition(KeyValueStore& records, const std::string& name, std::string position) {
  MH_CHECK(!name.empty() && name.size() <= kControlNameBytesMax);
  const ControlRow row{.key = WebhookKey(name), .value = std::move(position)};
  return SaveControlRows(records, {&row, 1});
}

}  // namespace mailhaul::store
