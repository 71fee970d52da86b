// The fields of a message's own header (RFC 5322) that mailhaul shows.
#pragma once

#include "engine/mime/message_parser.h"
#include "engine/mime/structure.h"

namespace mailhaul::mime {

// Fills the header fields of `message` from the outermost part. Of repeated fields the first one
// that says anything counts; recipients are those of all.
void FillHeaders(const Structure& structure, ParsedMessage& message);

// "<a@b>" and "a@b" to "a@b", without white space: for Message-ID, In-Reply-To and Content-ID.
std::string MessageIdFrom(std::string_view raw);

}  // namespace mailhaul::mime
