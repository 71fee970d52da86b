#include "engine/mime/search_text.h"

#include "engine/mime/body_select.h"
#include "engine/mime/gmime_values.h"
#include "engine/mime/structure.h"
#include "engine/mime/text_extract.h"
#include "engine/mime/transfer_encoding.h"

namespace mailhaul::mime {
namespace {

// A text/plain body with less than this share of what its HTML says is no alternative to it.
constexpr size_t kPlainShare = 2;

class SearchText final {
 public:
  SearchText(size_t bytes_max, const std::function<void(std::string_view)>& visit)
      : left_(bytes_max), visit_(visit) {}

  void Message(const ByteSource& raw, size_t depth) {
    const Result<Structure> structure = ScanStructure(raw);
    if (!structure.ok() || !structure->over_limit().empty()) {
      return;
    }
    if (depth > 0) {
      const Part& head = structure->parts().front();
      Give(DecodeUnstructured(structure->FieldValue(head, "Subject"), {}));
    }
    const BodySelection selection = SelectBodies(*structure);
    size_t shown = 0;
    bool shows_html = false;
    for (const uint32_t number : selection.texts) {
      shown += Give(TextOf(raw, structure->parts()[number], left_));
      shows_html = shows_html || number == selection.html;
    }
    if (selection.html != kNoPart && !shows_html) {
      const std::string html = TextOf(raw, structure->parts()[selection.html], left_);
      if (shown < html.size() / kPlainShare) {
        Give(html);
      }
    }
    for (const uint32_t number : selection.attachments) {
      if (left_ == 0) {
        return;
      }
      Attachment(raw, structure->parts()[number], depth);
    }
  }

 private:
  size_t Give(std::string_view text) {
    text = text.substr(0, left_);
    left_ -= text.size();
    if (!text.empty()) {
      visit_(text);
    }
    return text.size();
  }

  void Attachment(const ByteSource& raw, const Part& part, size_t depth) {
    if (part.type.Is("text", "plain") || part.type.Is("text", "html")) {
      Give(TextOf(raw, part, left_));
    } else if (part.type.Is("message", "rfc822") && depth < kSearchDepthMax) {
      const Result<std::string> inner = DecodeBody(raw, part, left_);
      if (inner.ok()) {
        const MemoryByteSource source(*inner);
        Message(source, depth + 1);
      }
    }
  }

  size_t left_;
  const std::function<void(std::string_view)>& visit_;
};

}  // namespace

void VisitSearchText(const ByteSource& raw, size_t bytes_max,
                     const std::function<void(std::string_view)>& visit) {
  SearchText(bytes_max, visit).Message(raw, 0);
}

}  // namespace mailhaul::mime
