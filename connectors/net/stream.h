// A byte stream with one deadline: TCP, TLS over another stream, or memory.
//
// One reader and one writer at a time, on the loop that made it. The deadline belongs to the whole
// conversation: when it passes, the pending and all later operations fail with kTimeout.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "connectors/net/task.h"

namespace mailhaul::net {

// What ties a login to one TLS connection (RFC 5929, RFC 9266).
struct ChannelBinding {
  std::string type;  // "tls-exporter" with TLS 1.3, else "tls-server-end-point".
  std::string data;
};

class Stream {
 public:
  // An open stream is closed in the background. No operation may be pending.
  virtual ~Stream() = default;

  // Waits for at least one byte and reads what is there, at most out.size(). 0 means that the peer
  // has ended its side. `out` must live until the task completes. Fails with kUnreachable when the
  // connection broke, kTimeout, or kCancelled after Abort().
  virtual Task<Result<size_t>> Read(std::span<char> out) = 0;
  // Completes when all of `bytes` are handed to the layer below; the same failures.
  virtual Task<Status> Write(std::string_view bytes) = 0;

  // TimePoint::max(): none.
  virtual void SetDeadline(TimePoint deadline) = 0;
  // Pending operations fail with kCancelled, later ones too. Does not wait.
  virtual void Abort() = 0;
  // Ends the connection in good order (TLS close_notify, FIN) and completes when the close is
  // confirmed, at most 5 s later. Then only the destructor may be called.
  virtual Task<void> Close() = 0;

  virtual bool secure() const = 0;  // TLS, verified.
  virtual std::optional<ChannelBinding> channel_binding() const { return std::nullopt; }
  virtual std::string peer_name() const = 0;  // "imap.example.com (192.0.2.1:993)", for messages.
};

}  // namespace mailhaul::net
