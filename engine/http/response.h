// An answer before it goes on the wire, and the shapes that all answers have.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/clock.h"
#include "base/status.h"

namespace mailhaul::http {

struct Header {
  std::string name;
  std::string value;  // Made by us: never text of a request or a message.
};

struct Response {
  unsigned status = 200;
  std::string content_type;  // Empty: no body (304).
  std::string body;
  std::unique_ptr<ByteSource> source;  // Sent instead of `body` when set.
  std::vector<Header> headers;         // Beyond those that every answer has.
  bool close = false;                  // The connection cannot go on after this answer.
  bool in_ranges = false;              // A client may ask for a part of it.
  bool until_close = false;            // The body has no length: it ends with the connection.
  Status cause;                        // For the log only: why a 5xx.

  uint64_t body_bytes() const { return source != nullptr ? source->size() : body.size(); }
};

Response JsonResponse(std::string body);

// RFC 9457. `code` is stable, `detail` is for people and may quote a request only escaped.
Response Problem(unsigned status, std::string_view code, std::string_view detail);
// The same with what is wrong with each field of a body: "errors" [{"field","message"}].
struct FieldError;
Response ProblemWithErrors(unsigned status, std::string_view code, std::string_view detail,
                           const std::vector<FieldError>& errors);
// A failure of the store or a library: 503 with Retry-After when trying again helps, else 500. The
// cause goes to the log, not to the client.
Response FailureResponse(const Status& cause);

// What the answer's head says beyond the answer itself.
struct HeadContext {
  bool keep_alive = false;
  WallTime now{};
  std::string request_id;
};

// Status line and header section, with the blank line.
std::string SerializeHead(const Response& response, const HeadContext& context);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string FormatHttpDate(WallTime time);

}  // namespace mailhaul::http
