#include "engine/http/response.h"

#include <array>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/json.hpp>
#include <cstdio>

#include "base/check.h"
#include "base/text.h"
#include "engine/http/content_coding.h"
#include "engine/http/mailbox_admin.h"

namespace mailhaul::http {
namespace {

namespace bh = boost::beast::http;

constexpr std::string_view kRetryAfterSeconds = "1";

using EmptyResponse = bh::response<bh::empty_body>;

boost::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Collects what the serializer wants to write.
struct Appender {
  std::string* out;
  bh::response_serializer<bh::empty_body>* serializer;

  template <typename Buffers>
  void operator()(boost::beast::error_code& /*error*/, const Buffers& buffers) const {
    size_t bytes = 0;
    for (auto it = boost::asio::buffer_sequence_begin(buffers);
         it != boost::asio::buffer_sequence_end(buffers); ++it) {
      const boost::asio::const_buffer buffer = *it;
      out->append(static_cast<const char*>(buffer.data()), buffer.size());
      bytes += buffer.size();
    }
    serializer->consume(bytes);
  }
};

void SetCommonFields(const Response& response, const HeadContext& context, EmptyResponse* message) {
  message->set(bh::field::server, "mailhaul");
  message->set(bh::field::date, FormatHttpDate(context.now));
  message->set(bh::field::connection, context.keep_alive ? "keep-alive" : "close");
  message->set("X-Content-Type-Options", "nosniff");
  message->set("X-Request-Id", context.request_id);
  if (!response.content_type.empty()) {
    message->set(bh::field::content_type, response.content_type);
    if (!response.until_close) {
      message->set(bh::field::content_length, std::to_string(response.body_bytes()));
    }
    if (IsCodeable(response)) {
      message->set(bh::field::vary, "Accept-Encoding");
    }
    if (response.source == nullptr) {
      message->set(bh::field::cache_control, "no-store");
    }
  }
  for (const Header& header : response.headers) {
    MH_CHECK(header.value.find_first_of("\r\n") == std::string::npos);
    message->set(View(header.name), View(header.value));
  }
}

}  // namespace

Response JsonResponse(std::string body) {
  Response response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

namespace {

boost::json::object ProblemObject(unsigned status, std::string_view code, std::string_view detail) {
  boost::json::object problem;
  problem["type"] = "about:blank";
  const boost::string_view title = bh::obsolete_reason(bh::int_to_status(status));
  problem["title"] = boost::json::string_view(title.data(), title.size());
  problem["status"] = status;
  problem["code"] = boost::json::string_view(code.data(), code.size());
  const std::string text = ToValidUtf8(detail);
  problem["detail"] = boost::json::string_view(text.data(), text.size());
  return problem;
}

Response ProblemResponse(unsigned status, const boost::json::object& problem) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = boost::json::serialize(problem);
  return response;
}

}  // namespace

Response Problem(unsigned status, std::string_view code, std::string_view detail) {
  return ProblemResponse(status, ProblemObject(status, code, detail));
}

Response ProblemWithErrors(unsigned status, std::string_view code, std::string_view detail,
                           const std::vector<FieldError>& errors) {
  boost::json::object problem = ProblemObject(status, code, detail);
  boost::json::array& list = problem["errors"].emplace_array();
  for (const auto& [field, message] : errors) {
    list.push_back({{"field", ToValidUtf8(field)}, {"message", ToValidUtf8(message)}});
  }
  return ProblemResponse(status, problem);
}

Response FailureResponse(const Status& cause) {
  const bool passing = cause.code() == Code::kBusy || cause.code() == Code::kResourceExhausted ||
                       cause.code() == Code::kCancelled || cause.code() == Code::kConflict ||
                       cause.code() == Code::kFenced || cause.code() == Code::kUnknownOutcome;
  if (cause.code() == Code::kDiskFull) {
    Response response =
        Problem(507, "disk_full",
                "the disk of the server is full, so nothing was kept of it; try again later");
    response.headers.push_back({.name = "Retry-After", .value = std::string(kRetryAfterSeconds)});
    response.cause = cause;
    return response;
  }
  Response response =
      passing ? Problem(503, "unavailable", "the server is busy; try again")
              : Problem(500, "internal_error",
                        "the server could not answer; its log names the cause by X-Request-Id");
  if (passing) {
    response.headers.push_back({.name = "Retry-After", .value = std::string(kRetryAfterSeconds)});
  }
  response.cause = cause;
  return response;
}

std::string SerializeHead(const Response& response, const HeadContext& context) {
  EmptyResponse message;
  message.version(11);
  message.result(response.status);
  SetCommonFields(response, context, &message);
  bh::response_serializer<bh::empty_body> serializer(message);
  serializer.split(true);
  std::string head;
  const Appender append{.out = &head, .serializer = &serializer};
  boost::beast::error_code error;
  while (!serializer.is_header_done() && !error) {
    serializer.next(error, append);
  }
  MH_CHECK(!error);
  return head;
}

std::string FormatHttpDate(WallTime time) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - days));
  std::array<char, 64> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      kDays[std::chrono::weekday(days).c_encoding()], static_cast<unsigned>(date.day()),
      kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  MH_CHECK(length > 0);
  return {text.data(), static_cast<size_t>(length)};
}

}  // namespace mailhaul::http
