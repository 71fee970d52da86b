// Content-Transfer-Encoding (RFC 2045, 6): decoding a part's body, and its decoded size without
// decoding it.
#pragma once

#include <cstdint>
#include <string>

#include "base/byte_source.h"
#include "base/result.h"
#include "engine/mime/structure.h"

namespace mailhaul::mime {

// The first `bytes_max` decoded bytes. Malformed encodings give what can be decoded.
Result<std::string> DecodeBody(const ByteSource& source, const Part& part, size_t bytes_max);

// Exact for well-formed bodies; for malformed base64 it may differ from what DecodeBody() gives.
Result<uint64_t> DecodedSize(const ByteSource& source, const Part& part);

}  // namespace mailhaul::mime
