// Entity tags and the conditions that name them (RFC 9110 sections 8.8.3 and 13.1).
#pragma once

#include <string>
#include <string_view>

#include "engine/http/gate.h"
#include "engine/http/response.h"

namespace mailhaul::http {

// The strong tag of a version, which holds neither quotes nor controls.
std::string EntityTag(std::string_view version);

// The tag of the same version in gzip, whose bytes are others (RFC 9110 section 8.8.3.3).
std::string CodedEntityTag(std::string_view tag);

// The conditions hold for a version in whichever coding it was sent.

// Whether If-None-Match names `tag`: a weak tag counts as the strong one.
bool IfNoneMatchNames(std::string_view field, std::string_view tag);
// Whether If-Match names `tag`: a weak tag never does.
bool IfMatchNames(std::string_view field, std::string_view tag);

// Names the bytes of the answer; true when the client has them already: then it is a 304.
bool IsUnchanged(const Call& call, std::string_view version, Response* response);

}  // namespace mailhaul::http
