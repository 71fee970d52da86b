// The readable text of a message: its preview and its bodies.
#pragma once

#include <string>

#include "base/byte_source.h"
#include "engine/mime/body_select.h"
#include "engine/mime/message_parser.h"
#include "engine/mime/structure.h"

namespace mailhaul::mime {

// The first words of the shown text, white space folded, at most kPreviewBytesMax bytes. Decodes
// the first few KiB only.
std::string MakePreview(const ByteSource& raw, const Structure& structure,
                        const BodySelection& selection);

MessageText ExtractText(const ByteSource& raw, const Structure& structure,
                        const BodySelection& selection, size_t bytes_max);

// A text part as plain text in UTF-8, of its first `bytes_max` decoded bytes. Empty when it cannot
// be read.
std::string TextOf(const ByteSource& raw, const Part& part, size_t bytes_max);

// format=flowed (RFC 3676) to whole paragraphs. `text` has "\n" line ends.
std::string Unflow(std::string_view text, bool deletes_spaces);

}  // namespace mailhaul::mime
