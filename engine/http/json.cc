#include "engine/http/json.h"

#include <boost/json.hpp>

#include "base/ids.h"
#include "base/text.h"
#include "base/units.h"
#include "connectors/connector.h"

namespace mailhaul::http {
namespace {

namespace json = boost::json;

// Mail holds whatever its sender wrote; JSON is UTF-8.
json::string Text(std::string_view text) {
  if (IsValidUtf8(text)) {
    return json::string(json::string_view(text.data(), text.size()));
  }
  const std::string valid = ToValidUtf8(text);
  return json::string(json::string_view(valid.data(), valid.size()));
}

json::value TextOrNull(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(Text(text));
}

// The zero of WallTime stands for "not known" in the store.
json::value TimeOrNull(WallTime time) {
  return time == WallTime{} ? json::value(nullptr) : json::value(Text(FormatRfc3339(time)));
}

json::array Addresses(const std::vector<store::Address>& addresses) {
  json::array list;
  for (const store::Address& address : addresses) {
    list.push_back({{"name", Text(address.name)}, {"email", Text(address.email)}});
  }
  return list;
}

json::array Attachments(const std::vector<store::Attachment>& attachments) {
  json::array list;
  for (const store::Attachment& attachment : attachments) {
    list.push_back({{"n", list.size() + 1},
                    {"filename", Text(attachment.filename)},
                    {"content_type", Text(attachment.content_type)},
                    {"size", attachment.size},
                    {"content_id", TextOrNull(attachment.content_id)}});
  }
  return list;
}

json::value ErrorOrNull(const store::MailboxRecord& record) {
  if (record.error_code.empty()) {
    return nullptr;
  }
  return {{"code", Text(record.error_code)}, {"detail", Text(record.error_detail)}};
}

void PutFlags(const store::StoredMessage& message, json::object* out) {
  const uint8_t flags = message.shown_flags();
  (*out)["seen"] = (flags & kFlagSeen) != 0;
  (*out)["flagged"] = (flags & kFlagFlagged) != 0;
  (*out)["answered"] = (flags & kFlagAnswered) != 0;
  (*out)["draft"] = (flags & kFlagDraft) != 0;
  json::array tags;
  for (const std::string& keyword : message.shown_tags()) {
    tags.push_back(Text(keyword));
  }
  (*out)["tags"] = std::move(tags);
}

json::object MessageObject(const store::StoredMessage& message, const MessagePlace& place) {
  const store::MessageContent& content = message.content;
  json::object out;
  out["id"] = Text(FormatId(message.id.value));
  out["mailbox"] = Text(place.mailbox);
  out["folder"] = Text(place.folder);
  out["thread_id"] = Text(FormatId(message.thread));
  out["message_id"] = TextOrNull(content.message_id);
  out["date"] = TimeOrNull(content.date);
  out["received_at"] = Text(FormatRfc3339(message.internal_date));
  out["from"] = Addresses(content.from);
  out["to"] = Addresses(content.to);
  out["cc"] = Addresses(content.cc);
  out["bcc"] = Addresses(content.bcc);
  out["reply_to"] = Addresses(content.reply_to);
  out["subject"] = Text(content.subject);
  out["preview"] = Text(content.preview);
  PutFlags(message, &out);
  out["size"] = message.size;
  out["has_attachment"] = content.has_attachment;
  out["attachments"] = Attachments(content.attachments);
  return out;
}

// 0 and 1 as the whole numbers they are: Boost.JSON would write 1E0.
json::value Share(double share) {
  if (share == 0 || share == 1) {
    return static_cast<int64_t>(share);
  }
  return share;
}

}  // namespace

std::string MailboxJson(const store::MailboxRecord& record, const MailboxLive& live) {
  json::object out;
  out["id"] = Text(record.name);
  out["address"] = TextOrNull(record.address);
  out["state"] = Text(live.state);
  out["last_complete_at"] = TimeOrNull(record.last_complete);
  out["lag_seconds"] =
      live.lag_seconds.has_value() ? json::value(*live.lag_seconds) : json::value(nullptr);
  out["next_due_at"] =
      live.next_due_at.has_value() ? TimeOrNull(*live.next_due_at) : json::value(nullptr);
  out["coverage"] = json::object{{"window", Share(record.window_coverage)},
                                 {"backfill", Share(record.backfill_coverage)}};
  out["messages"] = record.messages;
  out["bytes"] = record.bytes;
  out["throttled"] = live.throttled;
  out["waiting"] = nullptr;
  if (live.waiting.has_value()) {
    out["waiting"] = json::object{{"cause", Text(live.waiting->cause)},
                                  {"until", TimeOrNull(live.waiting->until.value_or(WallTime{}))},
                                  {"text", Text(live.waiting->text)}};
  }
  out["error"] = ErrorOrNull(record);
  return json::serialize(out);
}

std::string PoolJson(const PoolLive& pool) {
  json::object kinds;
  for (const PoolLive::Kind& kind : pool.kinds) {
    kinds[kind.name] = {
        {"grants", kind.grants},
        {"seconds", kind.seconds.has_value() ? json::value(*kind.seconds) : json::value(nullptr)}};
  }
  json::object out;
  out["host"] = Text(pool.host);
  out["egress"] = TextOrNull(pool.egress);
  out["limit"] = pool.limit;
  out["configured_limit"] = pool.configured_limit;
  out["connections"] = pool.connections;
  out["waiting"] = pool.waiting;
  out["cause"] = TextOrNull(pool.cause);
  out["until"] = TimeOrNull(pool.until.value_or(WallTime{}));
  out["kinds"] = std::move(kinds);
  out["blocked"] = pool.blocked;
  out["throttles"] = pool.throttles;
  out["outages"] = pool.outages;
  out["logins"] = pool.logins;
  out["day_bytes"] = nullptr;
  if (pool.day_bytes_max != 0) {
    out["day_bytes"] = json::object{{"drawn", pool.day_bytes}, {"limit", pool.day_bytes_max}};
  }
  return json::serialize(out);
}

std::string WebhookJson(const WebhookLive& webhook) {
  json::array types;
  for (const std::string& type : webhook.types) {
    types.push_back(Text(type));
  }
  json::object out;
  out["host"] = Text(webhook.host);
  out["events"] = webhook.types.empty() ? json::value(nullptr) : json::value(std::move(types));
  out["state"] = webhook.failures_in_a_row == 0 ? "ok" : "failing";
  out["posts"] = webhook.posts;
  out["events_sent"] = webhook.events;
  out["failures"] = webhook.failures;
  out["failures_in_a_row"] = webhook.failures_in_a_row;
  out["failing_since"] = TimeOrNull(webhook.failing_since.value_or(WallTime{}));
  out["next_attempt_at"] = TimeOrNull(webhook.next_attempt.value_or(WallTime{}));
  out["error"] = nullptr;
  if (!webhook.error_code.empty()) {
    out["error"] = {{"code", Text(webhook.error_code)}, {"detail", Text(webhook.error_detail)}};
  }
  return json::serialize(out);
}

std::string FolderJson(const store::FolderRecord& folder) {
  json::object out;
  out["name"] = Text(folder.name);
  out["role"] = TextOrNull(folder.role);
  // Beside what the source counts under a label lies what was put there here.
  out["total"] = folder.messages + (folder.is_label ? folder.source_messages : 0);
  out["unread"] = folder.unread + (folder.is_label ? folder.source_unseen : 0);
  return json::serialize(out);
}

std::string MessageJson(const store::StoredMessage& message, const MessagePlace& place) {
  return json::serialize(MessageObject(message, place));
}

std::string MessageWithBodyJson(const store::StoredMessage& message, const MessagePlace& place,
                                const BodyDecoder::Text& body, bool truncated) {
  json::object out = MessageObject(message, place);
  out["text"] = Text(body.text);
  out["html"] = Text(body.html);
  out["truncated"] = truncated;
  return json::serialize(out);
}

std::string ChangeJson(const store::Change& change, std::string_view mailbox) {
  const MessageId message = change.entry.message;
  const bool of_submission = change.entry.type == store::ChangeEntry::Type::kSubmissionUpdated;
  json::object out = {
      {"seq", Text(FormatId(change.shard) + "." + FormatId(change.sequence))},
      {"type", Text(store::ToString(change.entry.type))},
      {"mailbox", TextOrNull(mailbox)},
      {"message", TextOrNull(message.value == 0 || of_submission ? "" : FormatId(message.value))}};
  if (of_submission) {
    out["submission"] = Text(FormatId(message.value));
  }
  return json::serialize(out);
}

std::string ChangesJson(const std::vector<std::string>& changes, std::string_view state,
                        bool more) {
  return "{\"changes\":" + JsonArray(changes) + ",\"state\":" + json::serialize(Text(state)) +
         ",\"more\":" + (more ? "true" : "false") + "}";
}

std::string JsonArray(const std::vector<std::string>& values) {
  std::string text = "[";
  for (const std::string& value : values) {
    text += (&value == values.data() ? "" : ",") + value;
  }
  return text + "]";
}

void ListWriter::Add(std::string_view item) {
  if (items_ > 0) {
    text_ += ',';
  }
  text_ += item;
  ++items_;
}

void ListWriter::SetIndexedTo(const std::optional<WallTime>& time) {
  more_fields_ = ",\"indexed_to\":" + (time ? "\"" + FormatRfc3339(*time) + "\"" : "null");
}

std::string ListWriter::Finish(const std::optional<std::string>& next_cursor) {
  text_ += "],\"next_cursor\":";
  text_ += next_cursor.has_value() ? "\"" + *next_cursor + "\"" : "null";
  text_ += more_fields_;
  text_ += '}';
  return std::move(text_);
}

std::string StatusJson(std::string_view status) {
  return json::serialize(json::object{{"status", Text(status)}});
}

}  // namespace mailhaul::http
