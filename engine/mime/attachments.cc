#include "engine/mime/attachments.h"

#include <algorithm>

#include "base/text.h"
#include "engine/mime/gmime_values.h"
#include "engine/mime/headers.h"
#include "engine/mime/transfer_encoding.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kInnerHeaderBytesMax = 16 * 1024;
constexpr std::string_view kMessageSuffix = ".eml";

bool IsMessage(const ContentType& type) {
  return type.type == "message" && (type.subtype == "rfc822" || type.subtype == "global" ||
                                    type.subtype == "news" || type.subtype == "rfc2822");
}

// "SUBJECT.eml" from the first bytes of a message/rfc822 part; empty without a subject.
std::string NameFromSubject(const ByteSource& raw, const Part& part) {
  const Result<std::string> head = DecodeBody(raw, part, kInnerHeaderBytesMax);
  if (!head.ok() || head->empty()) {
    return {};
  }
  StructureScanner scanner;
  scanner.Feed(*head);
  const Structure inner = scanner.Finish(head->size());
  const std::string subject =
      DecodeUnstructured(inner.FieldValue(inner.parts().front(), "Subject"), {});
  if (subject.empty()) {
    return {};
  }
  return std::string(Utf8Prefix(subject, kFilenameBytesMax - kMessageSuffix.size()))
      .append(kMessageSuffix);
}

bool IsInlineResource(const Structure& structure, const Part& part, const std::string& kind) {
  const bool is_related =
      part.parent != kNoPart && structure.parts()[part.parent].type.Is("multipart", "related");
  return kind == "inline" || (kind.empty() && is_related);
}

}  // namespace

Result<AttachmentInfo> DescribeAttachment(const ByteSource& raw, const Structure& structure,
                                          const Part& part) {
  AttachmentInfo info;
  ContentDisposition disposition =
      ParseContentDisposition(structure.FieldValue(part, "Content-Disposition"), part.type.charset);
  info.filename = disposition.filename.empty() ? part.type.name : std::move(disposition.filename);
  if (info.filename.empty() && IsMessage(part.type)) {
    info.filename = NameFromSubject(raw, part);
  }
  info.content_type = part.type.type + "/" + part.type.subtype;
  info.content_id = MessageIdFrom(structure.FieldValue(part, "Content-ID"));
  info.is_inline = !info.content_id.empty() && IsInlineResource(structure, part, disposition.kind);
  MH_ASSIGN_OR_RETURN(info.size, DecodedSize(raw, part));
  return info;
}

}  // namespace mailhaul::mime
