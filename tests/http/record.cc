#include "tests/http/record.h"

#include <cstdlib>
#include <fstream>

#include "base/base64.h"

namespace mailhaul::http {

void RecordExchange(const std::string& method, const std::string& target, const std::string& fields,
                    const std::string& body, const HttpAnswer& answer) {
  const char* const path = std::getenv("MAILHAUL_HTTP_RECORD");
  if (path == nullptr) {
    return;
  }
  boost::json::object answered;
  for (const auto& [name, value] : answer.fields) {
    answered[name] = value;
  }
  const boost::json::object line = {{"method", method},
                                    {"target", Base64Encode(target)},
                                    {"fields", Base64Encode(fields)},
                                    {"sent", Base64Encode(body)},
                                    {"status", answer.status},
                                    {"answered", std::move(answered)},
                                    {"body", Base64Encode(answer.body)}};
  std::ofstream(path, std::ios::app) << boost::json::serialize(line) << "\n";
}

}  // namespace mailhaul::http
