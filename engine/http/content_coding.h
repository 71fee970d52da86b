// gzip for answers whose readers ask for it (RFC 9110 sections 8.4 and 12.5.3).
#pragma once

#include <string>
#include <string_view>

#include "engine/http/response.h"

namespace mailhaul::http {

// Below it one packet holds the answer either way.
inline constexpr size_t kCodedBytesMin = 1024;

// Whether an Accept-Encoding field prefers gzip to nothing at all.
bool PrefersGzip(std::string_view accept_encoding);

// What is ours to code: JSON and text that is in memory. Not what a client may ask ranges of, whose
// bytes are counted uncoded, and not streams.
bool IsCodeable(const Response& response);

// Codes it unless that gains nothing. Takes about 10 ms per MiB: not for a loop.
void ApplyGzip(Response* response);

}  // namespace mailhaul::http
