// Which parts of a message are shown as its text, and which are attachments.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/mime/structure.h"

namespace mailhaul::mime {

struct BodySelection {
  // What a reader sees as text, in order: text/plain parts, and the HTML body where it has no
  // text/plain alternative.
  std::vector<uint32_t> texts;
  uint32_t html = kNoPart;  // The HTML body.
  // Every other leaf in MIME order, at most kAttachmentsMax.
  std::vector<uint32_t> attachments;
};

BodySelection SelectBodies(const Structure& structure);

}  // namespace mailhaul::mime
