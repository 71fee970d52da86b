// Any bytes as a message: every answer stays within its limits and is valid UTF-8, whether the
// bytes lie in memory or are read in pieces. And as a header value: what is read without GMime is
// what GMime reads.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/check.h"
#include "base/text.h"
#include "engine/mime/byte_scan.h"
#include "engine/mime/gmime_values.h"
#include "engine/mime/message_parser.h"
#include "engine/mime/plain_values.h"
#include "engine/mime/structure.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kTextBytesMax = 4096;
constexpr size_t kPieceBytes = 97;

class PiecewiseSource final : public ByteSource {
 public:
  explicit PiecewiseSource(std::string_view bytes) : bytes_(bytes) {}
  uint64_t size() const override { return bytes_.size(); }
  Result<size_t> ReadAt(uint64_t offset, std::span<char> out) const override {
    return MemoryByteSource(bytes_).ReadAt(offset, out.first(std::min(out.size(), kPieceBytes)));
  }

 private:
  const std::string_view bytes_;
};

void CheckText(const std::string& text, size_t bytes_max) {
  MH_CHECK(text.size() <= bytes_max && IsValidUtf8(text));
  MH_CHECK(text.find('\0') == std::string::npos);
}

void CheckMessage(const ParsedMessage& message) {
  CheckText(message.subject, kSubjectBytesMax);
  CheckText(message.preview, kPreviewBytesMax);
  CheckText(message.message_id, kMessageIdBytesMax);
  MH_CHECK(message.to.size() <= kAddressesMax && message.references.size() <= kReferencesMax);
  MH_CHECK(message.attachments.size() <= kAttachmentsMax);
  for (const AttachmentInfo& info : message.attachments) {
    CheckText(info.filename, kFilenameBytesMax);
    CheckText(info.content_id, kMessageIdBytesMax);
  }
}

void CheckDigits(const ByteSource& source, std::string_view bytes) {
  const Result<Structure> structure = ScanStructure(source);
  MH_CHECK(structure.ok());
  for (const Part& part : structure->parts()) {
    const std::string_view body = bytes.substr(part.body_begin, part.body_end - part.body_begin);
    MH_CHECK(!part.base64_digits || *part.base64_digits == CountBase64Digits(body));
  }
}

void CheckPlainAddresses(std::string_view raw) {
  std::vector<Mailbox> plain;
  if (!AppendPlainMailboxes(raw, plain)) {
    return;
  }
  std::vector<Mailbox> expected;
  AppendMailboxesWithGMime(raw, {}, expected);
  MH_CHECK(std::equal(
      plain.begin(), plain.end(), expected.begin(), expected.end(),
      [](const Mailbox& a, const Mailbox& b) { return a.name == b.name && a.email == b.email; }));
}

void CheckPlainValue(std::string_view raw) {
  if (const std::optional<ContentType> type = PlainContentType(raw); type.has_value()) {
    const ContentType expected = ParseContentTypeWithGMime(raw, true);
    MH_CHECK(type->Is(expected.type, expected.subtype) && type->boundary == expected.boundary);
    MH_CHECK(type->charset == expected.charset && type->name == expected.name);
    MH_CHECK(type->is_flowed == expected.is_flowed);
    MH_CHECK(type->deletes_spaces == expected.deletes_spaces);
  }
  const std::optional<ContentDisposition> disposition = PlainContentDisposition(raw);
  if (disposition.has_value()) {
    const ContentDisposition expected = ParseContentDispositionWithGMime(raw, {});
    MH_CHECK(disposition->kind == expected.kind && disposition->filename == expected.filename);
  }
  if (const std::optional<WallTime> date = PlainDate(raw); date.has_value()) {
    MH_CHECK(date == ParseDateWithGMime(raw));
  }
  CheckPlainAddresses(raw);
}

void CheckPlainValues(const ByteSource& source) {
  const Result<Structure> structure = ScanStructure(source);
  MH_CHECK(structure.ok());
  for (const Part& part : structure->parts()) {
    for (size_t i = 0; i < structure->FieldCount(part); ++i) {
      CheckPlainValue(structure->FieldValueAt(part, i));
    }
  }
}

void CheckAll(std::string_view bytes) {
  const MemoryByteSource memory(bytes);
  const PiecewiseSource pieces(bytes);
  CheckDigits(memory, bytes);
  CheckDigits(pieces, bytes);
  CheckPlainValue(bytes);
  CheckPlainValues(memory);
  const ParsedMessage message = ParseMessage(memory);
  CheckMessage(message);
  const ParsedMessage again = ParseMessage(pieces);
  MH_CHECK(again.preview == message.preview && again.subject == message.subject);
  MH_CHECK(again.unparsed_reason == message.unparsed_reason);
  MH_CHECK(again.attachments.size() == message.attachments.size());
  const MessageText text = DecodeText(memory, kTextBytesMax);
  CheckText(text.text, kTextBytesMax);
  CheckText(text.html, kTextBytesMax);
  const Result<DecodedAttachment> attachment = DecodeAttachment(memory, 1);
  MH_CHECK(attachment.ok() == !message.attachments.empty());
  if (attachment.ok()) {
    MH_CHECK(DecodeAttachment(pieces, 1)->bytes == attachment->bytes);
  }
}

}  // namespace
}  // namespace mailhaul::mime

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  mailhaul::mime::Initialize();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mailhaul::mime::CheckAll({reinterpret_cast<const char*>(data), size});
  return 0;
}
