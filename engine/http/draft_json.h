// A submission's JSON body, as docs/http.md describes it.
#pragma once

#include <string_view>

#include "base/result.h"
#include "engine/http/outgoing.h"

namespace mailhaul::http {

inline constexpr size_t kDraftJsonDepthMax = 8;

struct DraftRequest {
  SubmissionDraft draft;
  std::string send_at;  // RFC 3339; "": now.
};

// kInvalidArgument: "FIELD: why"; unknown fields are errors.
Result<DraftRequest> ParseDraft(std::string_view body);

}  // namespace mailhaul::http
