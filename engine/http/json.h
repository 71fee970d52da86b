// Stored things as the JSON that docs/http.md promises.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/http/service.h"
#include "store/mail_store.h"

namespace mailhaul::http {

std::string MailboxJson(const store::MailboxRecord& record, const MailboxLive& live);
std::string PoolJson(const PoolLive& pool);
std::string WebhookJson(const WebhookLive& webhook);
std::string FolderJson(const store::FolderRecord& folder);

// `mailbox` and `folder` are the names the message lies under.
struct MessagePlace {
  std::string mailbox;
  std::string folder;
};
std::string MessageJson(const store::StoredMessage& message, const MessagePlace& place);
// The same with "text", "html" and "truncated".
std::string MessageWithBodyJson(const store::StoredMessage& message, const MessagePlace& place,
                                const BodyDecoder::Text& body, bool truncated);

// One entry of the change log; `mailbox` is its name.
std::string ChangeJson(const store::Change& change, std::string_view mailbox);
// Of values that are JSON already.
std::string JsonArray(const std::vector<std::string>& values);
// {"changes":[...],"state":...,"more":...} from finished changes.
std::string ChangesJson(const std::vector<std::string>& changes, std::string_view state, bool more);

// Builds {"items":[...],"next_cursor":...} from finished items.
class ListWriter final {
 public:
  void Add(std::string_view item);
  size_t items() const { return items_; }
  size_t bytes() const { return text_.size(); }
  // For lists of what a text finds: adds "indexed_to".
  void SetIndexedTo(const std::optional<WallTime>& time);
  // Absent: the end of the list. Call once.
  std::string Finish(const std::optional<std::string>& next_cursor);

 private:
  std::string text_ = "{\"items\":[";
  size_t items_ = 0;
  std::string more_fields_;
};

std::string StatusJson(std::string_view status);  // {"status":"ok"}

}  // namespace mailhaul::http
