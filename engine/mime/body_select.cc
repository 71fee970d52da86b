#include "engine/mime/body_select.h"

#include <algorithm>

#include "engine/mime/gmime_values.h"

namespace mailhaul::mime {
namespace {

bool IsLeaf(const Part& part) { return part.children == 0; }

// Of these multiparts only the first child can be text to show: the rest is a signature, the
// resources of a page, or the machine's part of a report. Encrypted ones have none.
bool HidesChild(const ContentType& type, uint32_t index) {
  if (type.subtype == "encrypted" || type.subtype == "digest") {
    return true;
  }
  return index > 0 &&
         (type.subtype == "signed" || type.subtype == "related" || type.subtype == "report");
}

class Selector final {
 public:
  explicit Selector(const Structure& structure) : structure_(structure) {}

  BodySelection Select() {
    const auto count = static_cast<uint32_t>(structure_.parts().size());
    for (uint32_t number = 0; number < count; ++number) {
      if (IsLeaf(structure_.parts()[number])) {
        Place(number);
      }
    }
    if (selection_.html != kNoPart && !HasPlainAlternative(selection_.html)) {
      std::vector<uint32_t>& texts = selection_.texts;
      texts.insert(std::lower_bound(texts.begin(), texts.end(), selection_.html), selection_.html);
    }
    return std::move(selection_);
  }

 private:
  void Place(uint32_t number) {
    const Part& part = structure_.parts()[number];
    const bool is_plain = part.type.Is("text", "plain");
    const bool is_html = part.type.Is("text", "html");
    if ((is_plain || is_html) && MayBeShown(number)) {
      if (is_html && selection_.html == kNoPart) {
        selection_.html = number;
        return;
      }
      if (is_plain && !RepeatsPlain(number)) {
        selection_.texts.push_back(number);
        return;
      }
    }
    const bool is_empty_multipart =
        part.type.type == "multipart" && part.body_begin == part.body_end;
    if (!is_empty_multipart && selection_.attachments.size() < kAttachmentsMax) {
      selection_.attachments.push_back(number);
    }
  }

  bool MayBeShown(uint32_t number) const {
    const Part& part = structure_.parts()[number];
    for (const Part* child = &part; child->parent != kNoPart;) {
      const Part& parent = structure_.parts()[child->parent];
      if (HidesChild(parent.type, child->index)) {
        return false;
      }
      child = &parent;
    }
    const std::string_view raw = structure_.FieldValue(part, "Content-Disposition");
    const ContentDisposition disposition = ParseContentDisposition(raw, part.type.charset);
    const bool has_name = !disposition.filename.empty() || !part.type.name.empty();
    const bool has_body = !selection_.texts.empty() || selection_.html != kNoPart;
    return disposition.kind != "attachment" && !(has_name && has_body);
  }

  // The nearest multipart/alternative around a part, kNoPart if none.
  uint32_t AlternativeAround(uint32_t number) const {
    uint32_t around = structure_.parts()[number].parent;
    while (around != kNoPart && structure_.parts()[around].type.subtype != "alternative") {
      around = structure_.parts()[around].parent;
    }
    return around;
  }

  bool IsInside(uint32_t number, uint32_t ancestor) const {
    while (number != kNoPart && number != ancestor) {
      number = structure_.parts()[number].parent;
    }
    return number == ancestor;
  }

  // The parts inside an ancestor follow it without a gap: only the first text behind it can tell.
  bool HasPlainAlternative(uint32_t number) const {
    const uint32_t alternative = AlternativeAround(number);
    if (alternative == kNoPart) {
      return false;
    }
    const std::vector<uint32_t>& texts = selection_.texts;
    const auto text = std::lower_bound(texts.begin(), texts.end(), alternative);
    return text != texts.end() && IsInside(*text, alternative);
  }

  // A second text/plain among the alternatives themselves says the same again.
  bool RepeatsPlain(uint32_t number) const {
    const uint32_t parent = structure_.parts()[number].parent;
    return parent == AlternativeAround(number) && HasPlainAlternative(number);
  }

  const Structure& structure_;
  BodySelection selection_;
};

}  // namespace

BodySelection SelectBodies(const Structure& structure) { return Selector(structure).Select(); }

}  // namespace mailhaul::mime
