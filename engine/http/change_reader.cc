#include <map>
#include <utility>

#include "engine/http/cursor.h"
#include "engine/http/json.h"
#include "engine/http/reader.h"

namespace mailhaul::http {
namespace {

// A `since` that stands for the end of the log.
constexpr std::string_view kSinceLatest = "latest";

std::string ChangesScope(const Call& call) { return CursorScope({"changes", call.tenant}); }

std::string StateOf(const Call& call, const store::ChangePosition& position) {
  return EncodeCursor(ChangesScope(call), position.Encode());
}

// Why no changes can be told.
Response Refusal(const Status& failure) {
  if (failure.code() == Code::kInvalidArgument) {
    return Problem(400, "bad_state", "the state is damaged or of another tenant; begin again");
  }
  if (failure.code() == Code::kNotFound) {
    return Problem(410, "state_too_old",
                   "changes behind this state are no longer kept; list anew, then follow from "
                   "since=latest");
  }
  return FailureResponse(failure);
}

}  // namespace

struct Reader::ChangeRows {
  store::ChangePosition since;
  store::ChangePage page;
  std::vector<std::string> items;  // JSON of page.changes.
};

Result<store::ChangePosition> Reader::Since(const Call& call, TenantId tenant) const {
  const std::string* since = call.Parameter("since");
  if (since == nullptr || since->empty()) {
    return store_.StartOfChanges(tenant);
  }
  if (*since == kSinceLatest) {
    return store_.EndOfChanges(tenant);
  }
  MH_ASSIGN_OR_RETURN(const std::string bytes,
                      DecodeCursor(ChangesScope(call), *since, kStateBytesMax));
  return store::ChangePosition::Decode(bytes);
}

std::variant<Reader::ChangeRows, Response> Reader::ReadChanges(
    const Call& call, const std::optional<store::ChangePosition>& from) const {
  const std::optional<TenantId> tenant = store_.FindTenant(call.tenant);
  Parsed<size_t> limit = ParseLimit(call);
  if (std::holds_alternative<Response>(limit)) {
    return std::move(std::get<Response>(limit));
  }
  const Result<store::ChangePosition> since =
      from.has_value() ? *from : Since(call, tenant.value_or(TenantId{}));
  if (!since.ok()) {
    return Refusal(since.status());
  }
  ChangeRows rows;
  rows.since = *since;
  rows.page.position = *since;
  if (tenant.has_value()) {
    Result<store::ChangePage> read = store_.ListChanges(*tenant, *since, std::get<size_t>(limit));
    if (!read.ok()) {
      return Refusal(read.status());
    }
    rows.page = std::move(read).value();
  }
  std::map<MailboxId, std::string> names;
  for (const store::Change& change : rows.page.changes) {
    const auto [name, first] = names.try_emplace(change.entry.mailbox);
    if (first) {
      name->second = store_.NameOf(change.entry.mailbox);
    }
    rows.items.push_back(ChangeJson(change, name->second));
  }
  return rows;
}

Answer Reader::Changes(const Call& call) const {
  std::variant<ChangeRows, Response> read = ReadChanges(call, std::nullopt);
  if (std::holds_alternative<Response>(read)) {
    return {.response = std::move(std::get<Response>(read)), .mailbox = ""};
  }
  const ChangeRows& rows = std::get<ChangeRows>(read);
  return {.response = JsonResponse(
              ChangesJson(rows.items, StateOf(call, rows.page.position), rows.page.more)),
          .mailbox = ""};
}

EventPage Reader::Events(const Call& call, const std::optional<store::ChangePosition>& from) const {
  std::variant<ChangeRows, Response> read = ReadChanges(call, from);
  EventPage events;
  if (std::holds_alternative<Response>(read)) {
    events.failure = std::move(std::get<Response>(read));
    return events;
  }
  const ChangeRows& rows = std::get<ChangeRows>(read);
  store::ChangePosition position = rows.since;
  if (!from.has_value()) {
    // Without data no event, but a browser notes the id: it can resume before the first change.
    events.text = "id: " + StateOf(call, position) + "\n\n";
  }
  for (size_t i = 0; i < rows.items.size(); ++i) {
    const store::Change& change = rows.page.changes[i];
    position.Set(change.shard, change.sequence);
    events.text += "id: " + StateOf(call, position) + "\nevent: ";
    events.text += store::ToString(change.entry.type);
    events.text += "\ndata: " + rows.items[i] + "\n\n";
  }
  events.position = rows.page.position;
  events.more = rows.page.more;
  return events;
}

}  // namespace mailhaul::http
