#include "connectors/sasl/token_refusal.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.h"
#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {
namespace {

constexpr size_t kDepthMax = 8;
constexpr size_t kStatusBytesMax = 64;
constexpr size_t kQuoteBytesMin = 8;  // A common part as long as this is no accident.

// The value of "status", which some servers write as a number; "" if there is none.
std::string ReadStatus(std::string_view json) {
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::error_code error;
  const boost::json::value value =
      boost::json::parse({json.data(), json.size()}, error, {}, options);
  if (error || !value.is_object()) {
    return {};
  }
  const boost::json::value* status = value.get_object().if_contains("status");
  if (status == nullptr) {
    return {};
  }
  if (const boost::json::string* text = status->if_string(); text != nullptr) {
    return std::string(text->data(), std::min(text->size(), kStatusBytesMax));
  }
  const int64_t* number = status->if_int64();
  return number == nullptr ? std::string() : std::to_string(*number);
}

bool SpeaksOfTheServer(std::string_view status) {
  const bool is_number =
      status.size() == 3 &&
      std::all_of(status.begin(), status.end(), [](char c) { return c >= '0' && c <= '9'; });
  return status == "429" || (is_number && status.front() == '5') ||
         status == "temporarily_unavailable" || status == "server_error";
}

}  // namespace

void TokenRefusal::Read(std::string_view challenge, const Secret& access_token) {
  given_ = true;
  status_ = ReadStatus(challenge);
  // Servers have been seen to quote what they were sent, whole or cut.
  const std::string_view token = access_token.Reveal();
  if (status_.find(token) != std::string::npos ||
      (status_.size() >= kQuoteBytesMin && token.find(status_) != std::string_view::npos)) {
    status_.clear();
  }
}

Status TokenRefusal::Explain(const Status& refusal) const {
  if (!given_) {
    return refusal;
  }
  const std::string reason =
      status_.empty() ? std::string("no readable reason") : "status " + EscapeForLog(status_);
  const Code code = refusal.code() == Code::kThrottled || refusal.code() == Code::kUnreachable
                        ? refusal.code()
                    : SpeaksOfTheServer(status_) ? Code::kThrottled
                                                 : Code::kAuthFailed;
  const std::string message = "the server refused the access token (" + reason + ")";
  const Status explained(code, refusal.ok() ? message : message + ": " + refusal.message());
  return explained.WithRetryAfter(refusal.retry_after());
}

}  // namespace mailhaul::sasl
