#include "engine/http/draft_json.h"

#include <boost/json.hpp>
#include <exception>
#include <new>
#include <utility>

#include "base/base64.h"
#include "base/text.h"

namespace mailhaul::http {
namespace {

namespace json = boost::json;

constexpr size_t kItemsMax = 1000;  // Of any list; what is made of it has stricter limits.

Status Wrong(const std::string& field, std::string_view why) {
  return {Code::kInvalidArgument, field + ": " + std::string(why)};
}

std::string_view ToView(const json::string& text) { return {text.data(), text.size()}; }

Status TakeText(const json::value& value, const std::string& field, std::string* out) {
  if (!value.is_string()) {
    return Wrong(field, "must be a string");
  }
  *out = ToView(value.get_string());
  return {};
}

Result<const json::array*> ListOf(const json::value& value, const std::string& field) {
  if (!value.is_array()) {
    return Wrong(field, "must be a list");
  }
  if (value.get_array().size() > kItemsMax) {
    return Wrong(field, "has more than " + std::to_string(kItemsMax) + " items");
  }
  return &value.get_array();
}

// "bob@example.com", or {"name": "Bob", "email": "bob@example.com"}.
Status TakeAddress(const json::value& value, const std::string& field, DraftAddress* out) {
  if (value.is_string()) {
    return TakeText(value, field, &out->email);
  }
  if (!value.is_object()) {
    return Wrong(field, "must be an address, or an object with name and email");
  }
  for (const auto& [key, member] : value.get_object()) {
    if (key == "name") {
      MH_RETURN_IF_ERROR(member.is_null() ? Status::Ok()
                                          : TakeText(member, field + ".name", &out->name));
    } else if (key == "email") {
      MH_RETURN_IF_ERROR(TakeText(member, field + ".email", &out->email));
    } else {
      return Wrong(field, "has a member besides name and email");
    }
  }
  return {};
}

Status TakeAddresses(const json::value& value, const std::string& field,
                     std::vector<DraftAddress>* out) {
  if (!value.is_array()) {
    return TakeAddress(value, field, &out->emplace_back());
  }
  MH_ASSIGN_OR_RETURN(const json::array* list, ListOf(value, field));
  for (const json::value& item : *list) {
    const std::string name = field + "[" + std::to_string(out->size()) + "]";
    MH_RETURN_IF_ERROR(TakeAddress(item, name, &out->emplace_back()));
  }
  return {};
}

Status TakePart(const json::value& value, const std::string& field, DraftPart* out) {
  if (!value.is_object()) {
    return Wrong(field, "must be an object");
  }
  bool has_content = false;
  for (const auto& [key, member] : value.get_object()) {
    const std::string name = field + "." + EscapeForLog(std::string_view(key.data(), key.size()));
    if (key == "filename") {
      MH_RETURN_IF_ERROR(TakeText(member, name, &out->filename));
    } else if (key == "content_type") {
      MH_RETURN_IF_ERROR(TakeText(member, name, &out->content_type));
    } else if (key == "content_id") {
      MH_RETURN_IF_ERROR(TakeText(member, name, &out->content_id.emplace()));
    } else if (key == "content_base64" && member.is_string()) {
      std::optional<std::string> bytes = Base64Decode(ToView(member.get_string()));
      if (!bytes) {
        return Wrong(name, "is not base64 (RFC 4648, section 4)");
      }
      out->bytes = *std::move(bytes);
      has_content = true;
    } else {
      return Wrong(name, "is not known, or not a string");
    }
  }
  return has_content ? Status::Ok() : Wrong(field, "has no content_base64");
}

Status TakeParts(const json::value& value, std::vector<DraftPart>* out) {
  MH_ASSIGN_OR_RETURN(const json::array* list, ListOf(value, "attachments"));
  for (const json::value& item : *list) {
    const std::string name = "attachments[" + std::to_string(out->size()) + "]";
    MH_RETURN_IF_ERROR(TakePart(item, name, &out->emplace_back()));
  }
  return {};
}

Status TakeHeaders(const json::value& value,
                   std::vector<std::pair<std::string, std::string>>* out) {
  if (!value.is_object() || value.get_object().size() > kItemsMax) {
    return Wrong("headers", "must be an object of names and values");
  }
  for (const auto& [key, member] : value.get_object()) {
    const std::string name(key.data(), key.size());
    std::string text;
    MH_RETURN_IF_ERROR(TakeText(member, "headers." + EscapeForLog(name), &text));
    out->emplace_back(name, std::move(text));
  }
  return {};
}

Status TakeMember(std::string_view key, const json::value& value, DraftRequest* out) {
  SubmissionDraft& draft = out->draft;
  const std::string field = EscapeForLog(key);
  const std::pair<std::string_view, std::string*> texts[] = {
      {"mailbox", &draft.mailbox}, {"subject", &draft.subject},         {"text", &draft.text},
      {"html", &draft.html},       {"in_reply_to", &draft.in_reply_to}, {"send_at", &out->send_at}};
  for (const auto& [name, text] : texts) {
    if (key == name) {
      return TakeText(value, field, text);
    }
  }
  const std::pair<std::string_view, std::vector<DraftAddress>*> lists[] = {
      {"to", &draft.to}, {"cc", &draft.cc}, {"bcc", &draft.bcc}, {"reply_to", &draft.reply_to}};
  for (const auto& [name, list] : lists) {
    if (key == name) {
      return TakeAddresses(value, field, list);
    }
  }
  if (key == "from") {
    return TakeAddress(value, field, &draft.from.emplace());
  }
  if (key == "attachments") {
    return TakeParts(value, &draft.attachments);
  }
  if (key == "headers") {
    return TakeHeaders(value, &draft.headers);
  }
  return Wrong(field, "is not a field of a submission");
}

// Gives out a bounded number of bytes: a value of two characters takes 24 bytes of memory.
class CappedMemory final : public json::memory_resource {
 public:
  explicit CappedMemory(size_t bytes_max) : left_(bytes_max) {}

 private:
  // Nothing of Boost.JSON is aligned beyond what new gives, and what it says when it takes and
  // when it gives back is not always the same.
  void* do_allocate(size_t bytes, size_t /*alignment*/) override {
    if (bytes > left_) {
      throw std::bad_alloc();
    }
    void* const memory = ::operator new(bytes);
    left_ -= bytes;
    return memory;
  }
  void do_deallocate(void* memory, size_t bytes, size_t /*alignment*/) override {
    ::operator delete(memory);
    left_ += bytes;
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override {
    return this == &other;
  }

  size_t left_;
};

}  // namespace

Result<DraftRequest> ParseDraft(std::string_view body) {
  json::parse_options options;
  options.max_depth = kDraftJsonDepthMax;
  json::error_code error;
  // Growing texts and lists hold what they had and what they get at the same time.
  constexpr size_t kBytesAtLeast = size_t{1} << 20;
  CappedMemory memory(kBytesAtLeast + 4 * body.size());
  json::value parsed(&memory);
  try {
    json::parser parser(&memory, options);
    parser.reset(&memory);
    parser.write(json::string_view(body.data(), body.size()), error);
    if (!error) {
      parsed = parser.release();
    }
  } catch (const std::bad_alloc&) {
    return Wrong("body", "has too many values");
  } catch (const std::exception& incomplete) {
    return Wrong("body", "is not JSON: " + EscapeForLog(incomplete.what()));
  }
  if (error) {
    return Wrong("body", "is not JSON: " + error.message());
  }
  if (!parsed.is_object()) {
    return Wrong("body", "must be an object");
  }
  DraftRequest request;
  for (const auto& [key, value] : parsed.get_object()) {
    if (value.is_null()) {
      continue;  // As if it were not there.
    }
    MH_RETURN_IF_ERROR(TakeMember({key.data(), key.size()}, value, &request));
  }
  return request;
}

}  // namespace mailhaul::http
