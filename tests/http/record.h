// Keeps what a test asked and was answered, for integration_openapi, which holds it against the
// description of the interface.
#pragma once

#include <string>

#include "tests/http/answer.h"

namespace mailhaul::http {

// Appends a line of JSON to the file that MAILHAUL_HTTP_RECORD names, if it is set. `fields`: those
// of the request, as sent.
void RecordExchange(const std::string& method, const std::string& target, const std::string& fields,
                    const std::string& body, const HttpAnswer& answer);

}  // namespace mailhaul::http
