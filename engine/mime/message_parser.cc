#include "engine/mime/message_parser.h"

#include <limits>

#include "base/text.h"
#include "engine/mime/attachments.h"
#include "engine/mime/body_select.h"
#include "engine/mime/headers.h"
#include "engine/mime/structure.h"
#include "engine/mime/text_extract.h"
#include "engine/mime/transfer_encoding.h"

namespace mailhaul::mime {
namespace {

std::string UnreadableReason(const Status& status) {
  return "cannot be read: " + EscapeForLog(status.message());
}

bool HasHeader(const Structure& structure) {
  return structure.FieldCount(structure.parts().front()) > 0;
}

}  // namespace

ParsedMessage ParseMessage(const ByteSource& raw) {
  const Result<Structure> scanned = ScanStructure(raw);
  if (!scanned.ok()) {
    ParsedMessage message;
    message.unparsed_reason = UnreadableReason(scanned.status());
    return message;
  }
  return ParseMessage(raw, *scanned);
}

ParsedMessage ParseMessage(const ByteSource& raw, const Structure& structure) {
  ParsedMessage message;
  FillHeaders(structure, message);
  if (!structure.over_limit().empty()) {
    message.unparsed_reason = structure.over_limit();
    return message;
  }
  if (!HasHeader(structure)) {
    message.unparsed_reason = raw.size() == 0 ? "empty" : "no header fields";
    return message;
  }
  const BodySelection selection = SelectBodies(structure);
  message.preview = MakePreview(raw, structure, selection);
  for (const uint32_t number : selection.attachments) {
    Result<AttachmentInfo> info = DescribeAttachment(raw, structure, structure.parts()[number]);
    if (!info.ok()) {
      message.unparsed_reason = UnreadableReason(info.status());
      break;
    }
    message.attachments.push_back(*std::move(info));
  }
  return message;
}

MessageText DecodeText(const ByteSource& raw, size_t bytes_max) {
  const Result<Structure> structure = ScanStructure(raw);
  if (!structure.ok() || !structure->over_limit().empty()) {
    return {};
  }
  return ExtractText(raw, *structure, SelectBodies(*structure), bytes_max);
}

Result<DecodedAttachment> DecodeAttachment(const ByteSource& raw, size_t n) {
  MH_ASSIGN_OR_RETURN(const Structure structure, ScanStructure(raw));
  if (!structure.over_limit().empty()) {
    return Status(Code::kNotFound, "the message has " + structure.over_limit());
  }
  const BodySelection selection = SelectBodies(structure);
  if (n == 0 || n > selection.attachments.size()) {
    return Status(Code::kNotFound, "no attachment number " + std::to_string(n));
  }
  const Part& part = structure.parts()[selection.attachments[n - 1]];
  DecodedAttachment attachment;
  MH_ASSIGN_OR_RETURN(attachment.info, DescribeAttachment(raw, structure, part));
  MH_ASSIGN_OR_RETURN(attachment.bytes, DecodeBody(raw, part, std::numeric_limits<size_t>::max()));
  attachment.info.size = attachment.bytes.size();
  return attachment;
}

}  // namespace mailhaul::mime
