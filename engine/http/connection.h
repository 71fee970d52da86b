// One client connection: requests in, answers out, in order.
//
// Pipelined requests are answered one after another; the next is looked at when the last answer is
// written, so a connection holds one answer at a time. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "connectors/net/stream.h"
#include "connectors/net/task.h"
#include "engine/http/change_streams.h"
#include "engine/http/dispatcher.h"
#include "engine/http/request_parser.h"
#include "engine/http/response.h"

namespace mailhaul::http {

inline constexpr Duration kHeadTime = std::chrono::seconds(10);      // First byte to blank line.
inline constexpr Duration kBodyTime = std::chrono::seconds(30);      // All of a request body.
inline constexpr Duration kLargeBodyTime = std::chrono::minutes(5);  // Of a message to send.
inline constexpr Duration kIdleTime = std::chrono::seconds(60);      // Between requests.
inline constexpr Duration kWriteTime = std::chrono::seconds(30);     // Each piece of an answer.
inline constexpr Duration kLingerTime = std::chrono::seconds(2);     // See Linger().
inline constexpr size_t kPieceBytes = 64 * 1024;  // Answers are read and written in such pieces.
inline constexpr size_t kLingerBytesMax = 256 * 1024;
// JSON of all connections waiting to be written; beyond it requests get 503.
inline constexpr size_t kAnswerBytesMax = 256 * 1024 * 1024;

// What the connections of a server share. Outlives them.
struct ConnectionContext {
  Dispatcher& dispatcher;
  const Clock& clock;
  ChangeStreams& streams;
  TokenRates rates{};
  bool access_log = false;
  bool stopping = false;    // Answers end with "Connection: close".
  size_t answer_bytes = 0;  // JSON held now.
  size_t large_bodies = 0;  // Requests whose body may be a large one.
  uint64_t request_base = 0;
  uint64_t requests = 0;

  std::string NextRequestId();
};

class Connection final {
 public:
  Connection(std::unique_ptr<net::Stream> stream, ConnectionContext& context);

  // Completes when the connection has ended.
  net::Task<void> Run();
  // Instead of Run(): says that there are too many connections, and ends.
  net::Task<void> Refuse();
  // Ends the connection unless a request is under way, which ends it afterwards.
  void Stop();
  void Abort() { stream_->Abort(); }

 private:
  // All of these return false when the connection is over.
  net::Task<bool> ServeRequest();
  net::Task<bool> ReadHead();
  net::Task<bool> ReadBody();
  net::Task<bool> Fill();
  net::Task<bool> Send(Response response, bool keep_alive);
  net::Task<bool> SendPieces(std::string_view bytes);
  net::Task<bool> SendSource(const ByteSource& source);
  net::Task<bool> Write(std::string_view bytes);
  // Reads on for a moment, so that input still on its way does not reset the connection before the
  // client has read the answer (RFC 9112 section 9.6).
  net::Task<void> Linger();

  // Sends the tenant's changes until the client, the server or the token is gone. What it returns
  // is to be sent instead: nothing was streamed.
  net::Task<std::optional<Response>> StreamChanges(Call call);
  net::Task<bool> BeginStream();
  net::Task<bool> SendEvents(std::string text);

  void LogAccess(const Response& response, std::string_view request_id) const;
  // The answer to the request in parser_.
  net::Task<Response> Answer(Decision decision);
  void Parse();
  // A parser that has the head decided on as soon as it is there.
  std::unique_ptr<RequestParser> NewParser();
  void SetDeadline(Duration time);
  bool KeepsAlive(const Response& response) const;

  std::unique_ptr<net::Stream> stream_;
  ConnectionContext& context_;
  std::unique_ptr<RequestParser> parser_;
  std::optional<Decision> decision_;  // Since the head is there.
  Caller caller_;                     // Of decision_.
  TimePoint head_at_{};               // When it was decided.
  std::string input_;                 // Received and not yet parsed.
  std::vector<char> chunk_;           // Read() target.
  size_t requests_ = 0;
  bool large_body_ = false;     // The request counts among the large ones.
  bool interruptible_ = false;  // No request is under way.
};

}  // namespace mailhaul::http
