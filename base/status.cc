#include "base/status.h"

#include <utility>

#include "base/check.h"

namespace mailhaul {

std::string_view ToString(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kCancelled:
      return "cancelled";
    case Code::kTimeout:
      return "timeout";
    case Code::kUnreachable:
      return "unreachable";
    case Code::kThrottled:
      return "throttled";
    case Code::kTlsFailed:
      return "tls_failed";
    case Code::kAuthFailed:
      return "auth_failed";
    case Code::kProtocol:
      return "protocol_error";
    case Code::kServerRefused:
      return "server_refused";
    case Code::kMessageRejected:
      return "message_rejected";
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kNotFound:
      return "not_found";
    case Code::kAlreadyExists:
      return "already_exists";
    case Code::kResourceExhausted:
      return "resource_exhausted";
    case Code::kDiskFull:
      return "disk_full";
    case Code::kStoreLocked:
      return "store_locked";
    case Code::kConflict:
      return "conflict";
    case Code::kFenced:
      return "fenced";
    case Code::kBusy:
      return "busy";
    case Code::kUnknownOutcome:
      return "unknown_outcome";
    case Code::kIo:
      return "io_error";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kInternal:
      return "internal_error";
  }
  return "unknown_code";
}

Status::Status(Code code, std::string message)
    : state_(std::make_shared<const State>(State{.code = code, .message = std::move(message)})) {
  MH_CHECK(code != Code::kOk);
}

const std::string& Status::message() const {
  static const std::string empty;
  return state_ == nullptr ? empty : state_->message;
}

std::chrono::milliseconds Status::retry_after() const {
  return state_ == nullptr ? std::chrono::milliseconds(0) : state_->retry_after;
}

Status Status::WithRetryAfter(std::chrono::milliseconds wait) const {
  MH_CHECK(!ok());
  Status copy;
  copy.state_ = std::make_shared<const State>(
      State{.code = code(), .message = message(), .retry_after = wait});
  return copy;
}

Status Status::WithContext(std::string_view context) const {
  if (ok()) {
    return {};
  }
  Status copy;
  copy.state_ =
      std::make_shared<const State>(State{.code = code(),
                                          .message = std::string(context) + ": " + message(),
                                          .retry_after = retry_after()});
  return copy;
}

std::string Status::ToString() const {
  std::string text(mailhaul::ToString(code()));
  if (!ok()) {
    text += ": " + message();
  }
  return text;
}

}  // namespace mailhaul
