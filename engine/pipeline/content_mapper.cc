#include "engine/pipeline/content_mapper.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "connectors/connector.h"
#include "engine/mime/message_parser.h"

namespace mailhaul::pipeline {
namespace {

constexpr size_t kFrontBytes = size_t{64} << 10;  // Most headers end in so many.

std::vector<store::Address> ToAddresses(std::vector<mime::Mailbox> mailboxes) {
  std::vector<store::Address> addresses;
  addresses.reserve(mailboxes.size());
  for (mime::Mailbox& mailbox : mailboxes) {
    addresses.push_back({.name = std::move(mailbox.name), .email = std::move(mailbox.email)});
  }
  return addresses;
}

// An image shown inside the text is a part of it, not something the sender attached.
bool IsAttached(const mime::AttachmentInfo& info) {
  return !info.is_inline || info.content_id.empty();
}

store::MessageContent ToContent(mime::ParsedMessage parsed) {
  store::MessageContent content;
  content.message_id = std::move(parsed.message_id);
  content.in_reply_to = std::move(parsed.in_reply_to);
  content.references = std::move(parsed.references);
  content.date = parsed.date.value_or(WallTime{});
  content.from = ToAddresses(std::move(parsed.from));
  content.to = ToAddresses(std::move(parsed.to));
  content.cc = ToAddresses(std::move(parsed.cc));
  content.bcc = ToAddresses(std::move(parsed.bcc));
  content.reply_to = ToAddresses(std::move(parsed.reply_to));
  content.subject = std::move(parsed.subject);
  content.preview = std::move(parsed.preview);
  content.unparsed_reason = std::move(parsed.unparsed_reason);
  for (mime::AttachmentInfo& info : parsed.attachments) {
    content.has_attachment = content.has_attachment || IsAttached(info);
    content.attachments.push_back({.filename = std::move(info.filename),
                                   .content_type = std::move(info.content_type),
                                   .content_id = std::move(info.content_id),
                                   .size = info.size});
  }
  return content;
}

uint64_t HashToU64(std::string_view text) {
  const store::Sha256 hash = store::ComputeSha256(text);
  uint64_t value = 0;
  std::memcpy(&value, hash.data(), sizeof value);
  return value;
}

}  // namespace

uint64_t ThreadOf(const store::MessageContent& content, uint64_t fallback) {
  if (!content.references.empty()) {
    return HashToU64(content.references.front());
  }
  if (!content.in_reply_to.empty()) {
    return HashToU64(content.in_reply_to);
  }
  return content.message_id.empty() ? fallback : HashToU64(content.message_id);
}

namespace {

ParsedContent Encode(mime::ParsedMessage parsed, uint64_t thread_fallback) {
  ParsedContent encoded;
  encoded.received = parsed.received;
  encoded.date = parsed.date;
  const store::MessageContent content = ToContent(std::move(parsed));
  encoded.record = store::EncodeContent(content);
  encoded.thread = ThreadOf(content, thread_fallback);
  encoded.quarantined = !content.unparsed_reason.empty();
  return encoded;
}

}  // namespace

ParsedContent ParseContent(const ByteSource& raw, uint64_t thread_fallback) {
  return Encode(mime::ParseMessage(raw), thread_fallback);
}

ParsedContent ParseContent(const ByteSource& raw, const mime::Structure& structure,
                           uint64_t thread_fallback) {
  return Encode(mime::ParseMessage(raw, structure), thread_fallback);
}

ParsedContent ParseHeader(std::string_view header, std::string_view reason,
                          uint64_t thread_fallback) {
  mime::ParsedMessage parsed = mime::ParseMessage(MemoryByteSource(header));
  parsed.unparsed_reason = reason;
  return Encode(std::move(parsed), thread_fallback);
}

WallTime ArrivalOf(const ParsedContent& content, WallTime now) {
  for (const std::optional<WallTime>& told : {content.received, content.date}) {
    // A day is what clocks and time zones may be wrong by.
    if (told.has_value() && *told > WallTime() && *told <= now + std::chrono::days(1)) {
      return std::min(*told, now);
    }
  }
  return now;
}

size_t HeaderBytes(std::string_view front) {
  size_t line = 0;
  while (line < front.size()) {
    const size_t end = front.find('\n', line);
    if (end == std::string_view::npos) {
      break;
    }
    const std::string_view text = front.substr(line, end - line);
    if (text.empty() || text == "\r") {
      return end + 1;
    }
    line = end + 1;
  }
  return std::string_view::npos;
}

std::string ReadFront(const ByteSource& raw) {
  const auto bytes_max = static_cast<size_t>(std::min<uint64_t>(raw.size(), kHeaderBytesMax));
  std::string front;
  while (front.size() < bytes_max && HeaderBytes(front) == std::string_view::npos) {
    const size_t done = front.size();
    front.resize(std::min(bytes_max, std::max(2 * done, kFrontBytes)));
    const Result<size_t> got = raw.ReadAt(done, std::span(front).subspan(done));
    front.resize(done + (got.ok() ? *got : 0));
    if (front.size() == done) {
      break;
    }
  }
  return front;
}

uint64_t ThreadOfObject(std::string_view thread_object) {
  return HashToU64("thread object " + std::string(thread_object));
}

}  // namespace mailhaul::pipeline
