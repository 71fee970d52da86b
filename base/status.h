// The outcome of an operation that can fail for reasons outside the program.
//
// A success is one null pointer: free to create, copy and test. A failure carries a code, which
// says what the caller does next, and a message for people: what happened, where, what to do.
// Messages may quote server text only after EscapeForLog() (base/text.h), and never a secret.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mailhaul {

// Ordered by who acts on it. ToString() gives the stable snake_case names that reach JSON.
enum class Code : uint8_t {
  kOk = 0,
  kCancelled,        // We stopped it ourselves (shutdown, slice used up). Nothing is wrong.
  kTimeout,          // A deadline of ours passed. Retry later; counts against the host.
  kUnreachable,      // DNS, connect or a broken connection. Retry later; counts against the host.
  kThrottled,        // The server asked for less. Slow the pool; see retry_after().
  kTlsFailed,        // Certificate or handshake. Never fall back; needs an operator.
  kAuthFailed,       // The server refused the credentials.
  kProtocol,         // The server broke the protocol or one of our limits. Close, retry later.
  kServerRefused,    // A tagged NO/BAD (or -ERR) without a more precise meaning.
  kMessageRejected,  // This one message cannot be had; quarantine it and go on.
  kInvalidArgument,  // The user's input (configuration, request, command line) is wrong.
  kNotFound,
  kAlreadyExists,
  kResourceExhausted,  // One of our own limits: queue full, budget used up. Wait or refuse.
  kDiskFull,           // No room on the data directory's disk. Pause collecting, keep serving.
  kStoreLocked,        // Another process holds the data directory.
  kConflict,           // An expectation of a commit did not hold. Read again, decide again.
  kFenced,             // The shard has a newer owner. Drop what is in flight for it.
  kBusy,               // The store cannot take it now. Try the same batch again.
  kUnknownOutcome,     // A commit may or may not have happened. Read before acting.
  kIo,                 // Disk error. Stop acknowledging.
  kCorrupt,            // Stored data fails its checks.
  kInternal,           // A library failed in a way that should not happen.
};

// "ok", "auth_failed", ... Stable: written to JSON and to the store.
std::string_view ToString(Code code);

class [[nodiscard]] Status final {
 public:
  Status() = default;  // Success.
  Status(Code code, std::string message);
  static Status Ok() { return {}; }

  bool ok() const { return state_ == nullptr; }
  Code code() const { return state_ == nullptr ? Code::kOk : state_->code; }
  const std::string& message() const;

  // How long the server asked us to wait. Zero: it did not say.
  std::chrono::milliseconds retry_after() const;
  Status WithRetryAfter(std::chrono::milliseconds wait) const;
  // The same failure with "context: " before its message; success stays success.
  Status WithContext(std::string_view context) const;

  std::string ToString() const;  // "auth_failed: LOGIN refused: ..."

  friend bool operator==(const Status& a, const Status& b) {
    return a.code() == b.code() && a.message() == b.message();
  }

 private:
  struct State {
    Code code;
    std::string message;
    std::chrono::milliseconds retry_after{0};
  };
  std::shared_ptr<const State> state_;
};

}  // namespace mailhaul

// Returns from the enclosing plain function (not a coroutine) when `expression` failed.
#define MH_RETURN_IF_ERROR(expression)            \
  do {                                            \
    ::mailhaul::Status mh_status_ = (expression); \
    if (!mh_status_.ok()) {                       \
      return mh_status_;                          \
    }                                             \
  } while (false)
