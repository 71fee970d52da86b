// The byte side of a scripted connection: whole commands in (literals included), buffered answers
// out, and the cut of a connection at a chosen byte.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/net/stream.h"
#include "connectors/net/task.h"

namespace mailhaul::test_support {

class ScriptedWire final {
 public:
  // `cut_after_bytes`: after so many bytes sent, the connection breaks.
  ScriptedWire(std::unique_ptr<net::Stream> stream, size_t cut_after_bytes)
      : stream_(std::move(stream)), cut_after_bytes_(cut_after_bytes) {}

  // One command without its last line end; literals stand behind their announcement. Sends "+" for
  // synchronising ones.
  net::Task<Result<std::string>> ReadCommand();
  net::Task<Result<std::string>> ReadLine();

  void Send(std::string_view text) { out_ += text; }
  size_t pending_bytes() const { return out_.size(); }
  // Fails once the connection is cut or gone.
  net::Task<Status> Flush();
  net::Task<void> Close();
  // Everything from here on is DEFLATE; what was sent before must be flushed.
  void StartDeflate();

 private:
  net::Task<Status> ReadMore();

  std::unique_ptr<net::Stream> stream_;
  const size_t cut_after_bytes_;
  size_t sent_ = 0;
  std::string in_;
  std::string out_;
  bool gone_ = false;
};

}  // namespace mailhaul::test_support
