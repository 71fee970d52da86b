#include "engine/http/connection.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "base/text.h"
#include "connectors/net/run_on.h"
#include "engine/http/access_log.h"
#include "engine/http/content_coding.h"

namespace mailhaul::http {
namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Response RejectionResponse(const Rejection& rejection) {
  Response response = Problem(rejection.status, rejection.code, rejection.detail);
  response.close = true;
  return response;
}

Response TooBusy(std::string_view why) {
  return FailureResponse(Status(Code::kResourceExhausted, std::string(why)));
}

Result<std::string> ReadPiece(const ByteSource& source, uint64_t offset) {
  std::string piece(std::min<uint64_t>(kPieceBytes, source.size() - offset), '\0');
  MH_ASSIGN_OR_RETURN(const size_t read, source.ReadAt(offset, {piece.data(), piece.size()}));
  if (read != piece.size()) {
    return Status(Code::kCorrupt, "a stored message ends early");
  }
  return piece;
}

void LogFailure(const Response& response, std::string_view request_id, const RequestHead& head) {
  if (response.cause.ok()) {
    return;
  }
  // Without the query: it may quote addresses and words of mail.
  const std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  const bool passing = response.status == 503 || response.cause.code() == Code::kDiskFull;
  Log(response.status >= 500 && !passing ? LogLevel::kError : LogLevel::kDebug,
      "HTTP request " + std::string(request_id) + " " + EscapeForLog(head.method, 16) + " " +
          EscapeForLog(path) + " failed: " + response.cause.ToString());
}

// Counts an answer's bytes while it is held.
class Held final {
 public:
  Held(size_t* total, size_t bytes) : total_(total), bytes_(bytes) { *total_ += bytes_; }
  ~Held() { *total_ -= bytes_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  size_t* total_;
  size_t bytes_;
};

// Gives a request's place among the large ones back.
class LargeBody final {
 public:
  LargeBody(size_t* count, bool* is_large) : count_(count), is_large_(is_large) {}
  ~LargeBody() {
    *count_ -= *is_large_ ? 1 : 0;
    *is_large_ = false;
  }
  LargeBody(const LargeBody&) = delete;
  LargeBody& operator=(const LargeBody&) = delete;

 private:
  size_t* count_;
  bool* is_large_;
};

}  // namespace

std::string ConnectionContext::NextRequestId() { return FormatId(request_base + ++requests); }

Connection::Connection(std::unique_ptr<net::Stream> stream, ConnectionContext& context)
    : stream_(std::move(stream)), context_(context), chunk_(kReadBytes) {}

net::Task<void> Connection::Run() {
  bool going_on = true;
  while (going_on) {
    going_on = co_await ServeRequest();
  }
  co_await stream_->Close();
}

net::Task<void> Connection::Refuse() {
  parser_ = std::make_unique<RequestParser>();
  Response response = TooBusy("too many connections");
  const bool sent = co_await Send(std::move(response), false);
  if (sent) {
    co_await Linger();
  }
  co_await stream_->Close();
}

void Connection::Stop() {
  if (interruptible_) {
    stream_->Abort();
  }
}

std::unique_ptr<RequestParser> Connection::NewParser() {
  decision_.reset();
  caller_ = {};
  return std::make_unique<RequestParser>([this](const RequestHead& head) {
    head_at_ = context_.clock.Now();
    decision_ = Decide(head, context_.dispatcher.directory(),
                       {.rates = &context_.rates, .now = head_at_, .caller = &caller_});
    if (Response* refusal = std::get_if<Response>(&*decision_)) {
      // It goes before the size of a body that nobody reads.
      refusal->close = refusal->close || head.body_bytes.value_or(0) > kBodyBytesMax;
      return size_t{0};
    }
    const Call* call = &std::get<Call>(*decision_);
    if (call->body_bytes_max <= kBodyBytesMax) {
      return call->body_bytes_max;
    }
    if (head.body_bytes && *head.body_bytes <= kBodyBytesMax) {
      return call->body_bytes_max;  // Most are small, and need no place among the large ones.
    }
    if (context_.large_bodies >= kLargeBodiesMax) {
      Response busy = TooBusy("too many messages are handed in at the same time");
      busy.close = true;
      decision_ = std::move(busy);
      return size_t{0};
    }
    const size_t kept = call->body_bytes_max;
    large_body_ = true;
    ++context_.large_bodies;
    return kept;
  });
}

net::Task<bool> Connection::ServeRequest() {
  parser_ = NewParser();
  ++requests_;
  const LargeBody large(&context_.large_bodies, &large_body_);
  const bool received = co_await ReadHead();
  if (!received) {
    co_return false;
  }
  Response response;
  if (parser_->state() == RequestParser::State::kRejected) {
    // A refusal that was decided before goes before what the parser made of its body.
    Response* const refusal = decision_ ? std::get_if<Response>(&*decision_) : nullptr;
    response = refusal != nullptr && refusal->close ? std::move(*refusal)
                                                    : RejectionResponse(parser_->rejection());
  } else {
    Decision decision = std::move(*decision_);
    const bool refused = std::holds_alternative<Response>(decision);
    const bool has_body = parser_->state() == RequestParser::State::kBody;
    const bool at_once = refused && std::get<Response>(decision).close;
    if (refused && has_body && (at_once || parser_->head().expect_continue)) {
      // The client waits for our word before it sends the body, which nobody wants.
      response = std::move(std::get<Response>(decision));
      response.close = true;
    } else {
      const bool complete = co_await ReadBody();
      if (!complete) {
        co_return false;
      }
      Call* call = std::get_if<Call>(&decision);
      if (call != nullptr && call->events && !context_.stopping &&
          parser_->state() == RequestParser::State::kDone) {
        std::optional<Response> instead = co_await StreamChanges(std::move(*call));
        if (!instead.has_value()) {
          co_return false;
        }
        response = std::move(*instead);
      } else {
        response = co_await Answer(std::move(decision));
      }
    }
  }
  const bool keep_alive = KeepsAlive(response);
  const bool unread = response.close || !input_.empty();
  const bool sent = co_await Send(std::move(response), keep_alive);
  if (sent && !keep_alive && unread) {
    co_await Linger();
  }
  co_return sent&& keep_alive;
}

net::Task<bool> Connection::ReadHead() {
  Parse();
  // What a pipelining client has begun to send already is a request under way.
  bool begun = !input_.empty();
  SetDeadline(begun || requests_ == 1 ? kHeadTime : kIdleTime);
  while (parser_->state() == RequestParser::State::kHead) {
    if (!begun && context_.stopping) {
      co_return false;
    }
    interruptible_ = !begun;
    const bool more = co_await Fill();
    interruptible_ = false;
    if (!more) {
      co_return false;
    }
    if (!begun) {
      begun = true;
      SetDeadline(kHeadTime);
    }
    Parse();
  }
  co_return true;
}

net::Task<bool> Connection::ReadBody() {
  if (parser_->state() != RequestParser::State::kBody) {
    co_return true;
  }
  SetDeadline(large_body_ ? kLargeBodyTime : kBodyTime);
  if (parser_->head().expect_continue) {
    const Status asked = co_await stream_->Write(kContinue);
    if (!asked.ok()) {
      co_return false;
    }
  }
  while (parser_->state() == RequestParser::State::kBody) {
    const bool more = co_await Fill();
    if (!more) {
      co_return false;
    }
    Parse();
  }
  co_return true;
}

net::Task<bool> Connection::Fill() {
  const std::span<char> target(chunk_);
  const Result<size_t> read = co_await stream_->Read(target);
  if (!read.ok() || *read == 0) {
    co_return false;
  }
  input_.append(chunk_.data(), *read);
  co_return true;
}

void Connection::Parse() {
  const size_t consumed = parser_->Parse(input_);
  input_.erase(0, consumed);
}

net::Task<Response> Connection::Answer(Decision decision) {
  if (parser_->state() == RequestParser::State::kRejected) {
    co_return RejectionResponse(parser_->rejection());
  }
  if (std::holds_alternative<Response>(decision)) {
    co_return std::move(std::get<Response>(decision));
  }
  if (context_.answer_bytes > kAnswerBytesMax) {
    co_return TooBusy("too many answers wait for slow clients");
  }
  stream_->SetDeadline(TimePoint::max());
  Call call = std::move(std::get<Call>(decision));
  call.body = parser_->TakeBody();
  if (context_.stopping && call.route == Route::kReady) {
    co_return TooBusy("stopping");
  }
  Response response = co_await context_.dispatcher.Serve(std::move(call));
  if (response.body.size() >= kCodedBytesMin && IsCodeable(response) &&
      PrefersGzip(parser_->head().accept_encoding)) {
    Response* const coded = &response;
    std::function<bool()> work = [coded] {
      ApplyGzip(coded);
      return true;
    };
    const bool done = co_await net::RunOn<bool>(context_.dispatcher.read_pool(), std::move(work));
    static_cast<void>(done);
  }
  co_return response;
}

bool Connection::KeepsAlive(const Response& response) const {
  return parser_->head().keep_alive && !response.close && !context_.stopping &&
         requests_ < kRequestsPerConnectionMax;
}

void Connection::LogAccess(const Response& response, std::string_view request_id) const {
  const std::string peer = stream_->peer_name();
  // Without a head there was nothing to decide.
  const Duration time = decision_.has_value() ? context_.clock.Now() - head_at_ : Duration{};
  LogInfo(AccessLine({.request_id = request_id,
                      .peer = peer,
                      .tenant = caller_.tenant,
                      .token = caller_.token,
                      .method = parser_->head().method,
                      .target = parser_->head().target,
                      .status = response.status,
                      .bytes = response.body_bytes(),
                      .time = std::chrono::floor<std::chrono::microseconds>(time)}));
}

net::Task<bool> Connection::Send(Response response, bool keep_alive) {
  const std::string request_id = context_.NextRequestId();
  LogFailure(response, request_id, parser_->head());
  if (context_.access_log) {
    LogAccess(response, request_id);
  }
  const HeadContext head{
      .keep_alive = keep_alive, .now = context_.clock.WallNow(), .request_id = request_id};
  std::string bytes = SerializeHead(response, head);
  const size_t of_source = response.source == nullptr ? 0 : response.source->held_bytes();
  const Held held(&context_.answer_bytes, response.body.size() + of_source);
  if (parser_->head().method == "HEAD") {
    response.body.clear();
    response.source = nullptr;
  }
  // What lies in memory needs no thread that may block.
  std::string_view body =
      response.source != nullptr ? response.source->Contiguous() : response.body;
  const bool on_disk = response.source != nullptr && body.empty();
  if (body.size() <= kPieceBytes) {
    bytes += body;  // One write, one packet.
    body = {};
  }
  const bool begun = co_await Write(bytes);
  if (!begun) {
    co_return false;
  }
  if (on_disk) {
    co_return co_await SendSource(*response.source);
  }
  co_return co_await SendPieces(body);
}

net::Task<bool> Connection::SendPieces(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    bytes.remove_prefix(piece.size());
    const bool sent = co_await Write(piece);
    if (!sent) {
      co_return false;
    }
  }
  co_return true;
}

net::Task<bool> Connection::SendSource(const ByteSource& source) {
  const uint64_t size = source.size();
  uint64_t offset = 0;
  while (offset < size) {
    const ByteSource* from = &source;
    std::function<Result<std::string>()> read = [from, offset] { return ReadPiece(*from, offset); };
    const Result<std::string> piece =
        co_await net::RunOn<Result<std::string>>(context_.dispatcher.read_pool(), std::move(read));
    if (!piece.ok()) {
      // The head promised more: only a cut connection tells the client that this is not all.
      LogError("HTTP answer cut short: " + piece.status().ToString());
      co_return false;
    }
    const bool sent = co_await Write(*piece);
    if (!sent) {
      co_return false;
    }
    offset += piece->size();
  }
  co_return true;
}

net::Task<bool> Connection::Write(std::string_view bytes) {
  SetDeadline(kWriteTime);
  const Status written = co_await stream_->Write(bytes);
  co_return written.ok();
}

net::Task<void> Connection::Linger() {
  SetDeadline(kLingerTime);
  interruptible_ = true;
  size_t dropped = 0;
  bool open = !context_.stopping;
  while (open && dropped < kLingerBytesMax) {
    input_.clear();
    open = co_await Fill();
    dropped += input_.size();
  }
  interruptible_ = false;
}

void Connection::SetDeadline(Duration time) {
  stream_->SetDeadline(net::Loop::Current()->Now() + time);
}

}  // namespace mailhaul::http
