#include "engine/http/local_changes.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "base/text.h"
#include "engine/http/entity_tag.h"

namespace mailhaul::http {
namespace {

namespace json = boost::json;

constexpr size_t kJsonDepthMax = 8;
constexpr size_t kFieldNameBytesMax = 64;
constexpr std::array<std::string_view, 4> kFields = {"seen", "flagged", "folder", "tags"};

std::string_view View(json::string_view text) { return {text.data(), text.size()}; }

Response InvalidField(std::string_view field, std::string_view wanted) {
  return Problem(422, "invalid_field",
                 "\"" + std::string(field) + "\" must be " + std::string(wanted) +
                     ", or null for what the source says");
}

Response UnknownField(std::string_view field) {
  std::string detail = "unknown field \"" + EscapeForLog(field, kFieldNameBytesMax) +
                       "\"; a message's seen, flagged, "
                       "folder and tags can be changed";
  const std::string_view near =
      field.size() <= kFieldNameBytesMax ? NearestWord(field, kFields) : std::string_view();
  if (!near.empty()) {
    detail += "; did you mean \"" + std::string(near) + "\"?";
  }
  return Problem(422, "unknown_field", detail);
}

// "application/json", with or without parameters; also RFC 7396's own name.
bool IsJson(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  type = type.substr(0, type.find_last_not_of(" \t") + 1);
  return EqualsIgnoreCase(type, "application/json") ||
         EqualsIgnoreCase(type, "application/merge-patch+json");
}

std::optional<Response> TakeFlag(std::string_view field, const json::value& value,
                                 std::optional<std::optional<bool>>* out) {
  if (value.is_null()) {
    out->emplace();
  } else if (value.is_bool()) {
    out->emplace(value.get_bool());
  } else {
    return InvalidField(field, "true or false");
  }
  return std::nullopt;
}

std::optional<Response> TakeFolder(const json::value& value,
                                   std::optional<std::optional<std::string>>* out) {
  if (value.is_null()) {
    out->emplace();
    return std::nullopt;
  }
  if (!value.is_string() || value.get_string().empty() ||
      value.get_string().size() > store::kFolderNameBytesMax) {
    return InvalidField("folder", "the name of a folder");
  }
  out->emplace(View(value.get_string()));
  return std::nullopt;
}

std::optional<Response> TakeTags(const json::value& value,
                                 std::optional<std::optional<std::vector<std::string>>>* out) {
  if (value.is_null()) {
    out->emplace();
    return std::nullopt;
  }
  const json::array* array = value.if_array();
  std::vector<std::string> tags;
  if (array == nullptr) {
    return InvalidField("tags", "a list of texts");
  }
  for (const json::value& tag : *array) {
    if (!tag.is_string()) {
      return InvalidField("tags", "a list of texts");
    }
    tags.emplace_back(View(tag.get_string()));
  }
  const Status status = store::CheckLocalTags(tags);
  if (!status.ok()) {
    return Problem(422, "invalid_field", "\"tags\": " + status.message());
  }
  out->emplace(std::move(tags));
  return std::nullopt;
}

std::optional<Response> TakeField(std::string_view field, const json::value& value,
                                  ChangeBody* out) {
  if (field == "seen") {
    return TakeFlag(field, value, &out->patch.seen);
  }
  if (field == "flagged") {
    return TakeFlag(field, value, &out->patch.flagged);
  }
  if (field == "folder") {
    return TakeFolder(value, &out->folder);
  }
  if (field == "tags") {
    return TakeTags(value, &out->patch.tags);
  }
  return UnknownField(field);
}

}  // namespace

Parsed<ChangeBody> ParseChangeBody(const Call& call) {
  if (call.content_type.has_value() && !IsJson(*call.content_type)) {
    return Problem(415, "unsupported_media_type", "send a change as application/json");
  }
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::error_code error;
  const json::value value =
      json::parse(json::string_view(call.body.data(), call.body.size()), error, {}, options);
  if (error) {
    return Problem(400, "bad_json", "the body is not JSON: " + EscapeForLog(error.message()));
  }
  const json::object* object = value.if_object();
  if (object == nullptr) {
    return Problem(422, "invalid_field", "the body must be an object, such as {\"seen\":true}");
  }
  ChangeBody body;
  for (const auto& [field, field_value] : *object) {
    std::optional<Response> refusal = TakeField(View(field), field_value, &body);
    if (refusal.has_value()) {
      return std::move(*refusal);
    }
  }
  return body;
}

Parsed<store::LocalPatch> LocalChanges::PatchFor(const Call& call, MailboxId mailbox) const {
  Parsed<ChangeBody> parsed = ParseChangeBody(call);
  if (std::holds_alternative<Response>(parsed)) {
    return std::move(std::get<Response>(parsed));
  }
  ChangeBody& body = std::get<ChangeBody>(parsed);
  if (!body.folder.has_value()) {
    return std::move(body.patch);
  }
  body.patch.folder.emplace();
  if (!body.folder->has_value()) {
    return std::move(body.patch);
  }
  const Result<std::vector<store::FolderRecord>> folders = store_.ListFolders(mailbox);
  if (!folders.ok()) {
    return ResponseFor(folders.status());
  }
  const auto found =
      std::find_if(folders->begin(), folders->end(), [&body](const store::FolderRecord& each) {
        return each.name == **body.folder && (each.listed || each.messages > 0);
      });
  if (found == folders->end()) {
    return Problem(422, "unknown_folder", "the mailbox has no folder of this name");
  }
  body.patch.folder->emplace(found->id);
  return std::move(body.patch);
}

Parsed<LocalChange> LocalChanges::Prepare(const Call& call) const {
  const Result<store::StoredMessage> message = reader_.FindMessage(call);
  if (!message.ok()) {
    return ResponseFor(message.status());
  }
  LocalChange change;
  change.id = message->id;
  change.if_match = call.if_match;
  change.deletes = call.route == Route::kDeleteMessage;
  if (!change.deletes) {
    Parsed<store::LocalPatch> patch = PatchFor(call, message->mailbox);
    if (std::holds_alternative<Response>(patch)) {
      return std::move(std::get<Response>(patch));
    }
    change.patch = std::move(std::get<store::LocalPatch>(patch));
  }
  return change;
}

Parsed<store::StoredMessage> LocalChanges::Commit(const LocalChange& change) {
  bool other_version = false;
  const store::MailStore::Admit admit = [&](const store::StoredMessage& message) {
    other_version =
        change.if_match.has_value() && !IfMatchNames(*change.if_match, EntityTag(message.version));
    return other_version ? Status(Code::kConflict, "another version") : Status::Ok();
  };
  Status status;
  std::optional<store::StoredMessage> changed;
  if (change.deletes) {
    status = store_.DeleteMessage(change.id, admit);
  } else {
    Result<store::StoredMessage> result = store_.ChangeMessage(change.id, change.patch, admit);
    status = result.status();
    if (result.ok()) {
      changed = std::move(result).value();
    }
  }
  if (other_version) {
    return Problem(412, "precondition_failed",
                   "the message is not as If-Match says; read it again");
  }
  if (!status.ok()) {
    return ResponseFor(status);
  }
  if (changed.has_value()) {
    return std::move(*changed);
  }
  Response done;
  done.status = 204;
  return done;
}

}  // namespace mailhaul::http
