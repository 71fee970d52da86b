// HTTP input: the request parser in steps, then the gate and the filter parser behind it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "engine/http/byte_range.h"
#include "engine/http/content_coding.h"
#include "engine/http/cursor.h"
#include "engine/http/gate.h"
#include "engine/http/local_changes.h"
#include "engine/http/message_filter.h"
#include "engine/http/request_parser.h"

namespace mailhaul::http {
namespace {

// Every token is good, so that the input reaches the routes.
class OpenDirectory final : public Directory {
 public:
  const TokenGrant* FindToken(std::string_view /*sha256*/) const override { return &grant_; }
  const std::vector<std::string>& MailboxNames(std::string_view /*tenant*/) const override {
    return names_;
  }
  MailboxLive Live(std::string_view /*tenant*/, std::string_view /*mailbox*/) const override {
    return {.state = "ok"};
  }
  void MarkActive(std::string_view /*tenant*/, std::string_view /*mailbox*/) override {}
  bool Refresh(std::string_view /*tenant*/, std::string_view /*mailbox*/) override { return true; }
  bool FetchWhole(std::string_view /*tenant*/, std::string_view /*mailbox*/,
                  MessageId /*message*/) override {
    return true;
  }
  bool Ready() const override { return true; }
  std::vector<PoolLive> Pools(size_t /*first*/, size_t /*count*/) const override { return {}; }
  std::vector<WebhookLive> Webhooks(std::string_view /*tenant*/) const override { return {}; }
  std::string Metrics() const override { return ""; }
  bool MetricsAreOpen() const override { return false; }

 private:
  const std::vector<std::string> names_ = {"alice"};
  const TokenGrant grant_{.tenant = "acme", .read = true, .admin = true};
};

// Feeds `bytes` in pieces of `step` and returns the state and how much was consumed.
struct Outcome {
  RequestParser::State state;
  size_t consumed;
};
Outcome Feed(RequestParser* parser, std::string_view bytes, size_t step) {
  std::string input;
  size_t given = 0;
  size_t consumed = 0;
  while (given < bytes.size() && (parser->state() == RequestParser::State::kHead ||
                                  parser->state() == RequestParser::State::kBody)) {
    const std::string_view piece = bytes.substr(given, step);
    given += piece.size();
    input += piece;
    const size_t taken = parser->Parse(input);
    MH_CHECK(taken <= input.size());
    consumed += taken;
    input.erase(0, taken);
  }
  return {parser->state(), consumed};
}

void TryRange(std::string_view field, uint64_t size) {
  const std::optional<ByteRange> range = ParseRange(field, size);
  if (range.has_value() && range->bytes != 0) {
    MH_CHECK(range->first < size && range->bytes <= size - range->first);
  }
}

void TryCall(const Call& call) {
  const Parsed<MessageFilter> filter = ParseMessageFilter(call);
  if (const std::string* cursor = call.Parameter("cursor"); cursor != nullptr) {
    const Result<std::string> position = DecodeCursor("scope", *cursor);
    if (position.ok()) {
      MH_CHECK(EncodeCursor("scope", *position) == *cursor);
    }
  }
  static_cast<void>(std::holds_alternative<Response>(filter));
  if (call.route == Route::kChangeMessage) {
    static_cast<void>(ParseChangeBody(call));
  }
}

}  // namespace

void FuzzOne(std::string_view input) {
  if (input.empty()) {
    return;
  }
  const size_t step = static_cast<unsigned char>(input.front()) + size_t{1};
  input.remove_prefix(1);
  const auto keep = [](const RequestHead& head) {
    return head.method == "PATCH" ? kChangeBodyBytesMax : size_t{0};
  };
  RequestParser whole(keep);
  RequestParser stepped(keep);
  const Outcome at_once = Feed(&whole, input, input.size());
  const Outcome by_steps = Feed(&stepped, input, step);
  // What a request is must not depend on how the network cuts it.
  if (at_once.state == RequestParser::State::kDone) {
    MH_CHECK(by_steps.state == RequestParser::State::kDone);
    MH_CHECK(at_once.consumed == by_steps.consumed);
    MH_CHECK(whole.head().target == stepped.head().target);
    MH_CHECK(stepped.TakeBody() == whole.body());
  }
  if (at_once.state == RequestParser::State::kDone ||
      at_once.state == RequestParser::State::kBody) {
    static_cast<void>(PrefersGzip(whole.head().accept_encoding));
    TryRange(whole.head().range.value_or(whole.head().target), input.size());
    const OpenDirectory directory;
    const Decision decision = Decide(whole.head(), directory);
    if (std::holds_alternative<Call>(decision)) {
      Call call = std::get<Call>(decision);
      call.body = whole.TakeBody();
      TryCall(call);
    } else {
      MH_CHECK(!std::get<Response>(decision).body.empty());
    }
  }
}

}  // namespace mailhaul::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mailhaul::http::FuzzOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
