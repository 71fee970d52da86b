// Adding, replacing and removing mailboxes: from the call to the MailboxAdmin and back.
#include <string>
#include <utility>

#include "base/text.h"
#include "connectors/net/run_on.h"
#include "engine/http/dispatcher.h"

namespace mailhaul::http {
namespace {

bool IsJson(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  type = type.substr(0, type.find_last_not_of(" \t") + 1);
  return EqualsIgnoreCase(type, "application/json");
}

Parsed<MailboxRequest> RequestOf(Call call) {
  if (call.content_type.has_value() && !IsJson(*call.content_type)) {
    return Problem(415, "unsupported_media_type", "send a mailbox as application/json");
  }
  MailboxRequest request;
  if (const std::string* test = call.Parameter("test")) {
    if (*test != "true" && *test != "false") {
      return Problem(400, "invalid_parameter", "\"test\" must be true or false");
    }
    request.test = *test == "true";
  }
  request.tenant = std::move(call.tenant);
  request.name = std::move(call.name);
  request.body = std::move(call.body);
  request.replaces = call.route == Route::kReplaceMailbox;
  return request;
}

Response ResponseTo(const MailboxOutcome& outcome) {
  if (!outcome.cause.ok()) {
    return FailureResponse(outcome.cause);
  }
  Response response;
  if (outcome.status == 204) {
    response.status = 204;
  } else if (outcome.status == 404) {
    response = NotFoundResponse();
  } else if (outcome.errors.empty()) {
    response = Problem(outcome.status, outcome.code, outcome.detail);
  } else {
    response = ProblemWithErrors(outcome.status, outcome.code, outcome.detail, outcome.errors);
  }
  if (outcome.retry_after.count() > 0) {
    response.headers.push_back(
        {.name = "Retry-After", .value = std::to_string(outcome.retry_after.count())});
  }
  return response;
}

}  // namespace

net::Task<Response> Dispatcher::AddMailbox(Call call) {
  if (mailbox_admin_ == nullptr) {
    co_return NotFoundResponse();
  }
  Call shown;
  shown.route = Route::kMailbox;
  shown.tenant = call.tenant;
  Parsed<MailboxRequest> parsed = RequestOf(std::move(call));
  if (std::holds_alternative<Response>(parsed)) {
    co_return std::move(std::get<Response>(parsed));
  }
  MailboxRequest request = std::move(std::get<MailboxRequest>(parsed));
  const MailboxOutcome outcome = co_await mailbox_admin_->Add(std::move(request));
  if (!outcome.cause.ok() || outcome.status >= 300) {
    co_return ResponseTo(outcome);
  }
  shown.name = outcome.name;
  const MailboxRow row{.name = shown.name, .live = directory_.Live(shown.tenant, shown.name)};
  const Reader* const reader = &reader_;
  const Call* const asked = &shown;
  const MailboxRow* const live = &row;
  std::function<Answer()> show = [reader, asked, live] { return reader->Mailbox(*asked, *live); };
  Answer answer = co_await net::RunOn<Answer>(read_pool_, std::move(show));
  if (answer.response.status == 200) {
    answer.response.status = outcome.status;
  }
  if (answer.response.status == 201) {
    // A name has no character that a path must escape.
    answer.response.headers.push_back(
        {.name = "Location", .value = "/v1/mailboxes/" + outcome.name});
  }
  co_return std::move(answer.response);
}

net::Task<Response> Dispatcher::RemoveMailbox(Call call) {
  if (mailbox_admin_ == nullptr) {
    co_return NotFoundResponse();
  }
  std::string tenant = std::move(call.tenant);
  std::string name = std::move(call.name);
  const MailboxOutcome outcome =
      co_await mailbox_admin_->Remove(std::move(tenant), std::move(name));
  co_return ResponseTo(outcome);
}

}  // namespace mailhaul::http
