#include "tests/support/scripted_wire.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "connectors/imap/scanner.h"
#include "connectors/net/deflate_stream.h"

namespace mailhaul::test_support {

net::Task<Status> ScriptedWire::ReadMore() {
  std::array<char, 16 * 1024> chunk;
  const std::span<char> room(chunk);
  CO_TRY(const size_t bytes, stream_->Read(room));
  if (bytes == 0) {
    co_return Status(Code::kUnreachable, "the client has closed the connection");
  }
  in_.append(chunk.data(), bytes);
  co_return Status::Ok();
}

net::Task<Result<std::string>> ScriptedWire::ReadLine() {
  size_t end = in_.find("\r\n");
  while (end == std::string::npos) {
    CO_RETURN_IF_ERROR(ReadMore());
    end = in_.find("\r\n");
  }
  std::string line = in_.substr(0, end);
  in_.erase(0, end + 2);
  co_return line;
}

net::Task<Result<std::string>> ScriptedWire::ReadCommand() {
  std::string command;
  for (;;) {
    CO_TRY(const std::string line, ReadLine());
    command += line;
    const imap::LiteralAnnouncement literal = imap::FindLiteralAnnouncement(line);
    if (!literal.present) {
      co_return command;
    }
    if (!line.ends_with("+}")) {
      Send("+ go on\r\n");
      CO_RETURN_IF_ERROR(Flush());
    }
    while (in_.size() < literal.bytes) {
      CO_RETURN_IF_ERROR(ReadMore());
    }
    command += "\r\n" + in_.substr(0, literal.bytes);
    in_.erase(0, literal.bytes);
  }
}

net::Task<Status> ScriptedWire::Flush() {
  if (gone_) {
    co_return Status(Code::kUnreachable, "the connection was cut");
  }
  const std::string_view bytes =
      std::string_view(out_).substr(0, std::min(out_.size(), cut_after_bytes_ - sent_));
  Status written = co_await stream_->Write(bytes);
  sent_ += bytes.size();
  const bool cut = bytes.size() < out_.size();
  out_.clear();
  if (cut || !written.ok()) {
    gone_ = true;
    co_return Status(Code::kUnreachable, "the connection was cut");
  }
  co_return Status::Ok();
}

void ScriptedWire::StartDeflate() {
  stream_ = net::MakeDeflateStream(std::move(stream_), std::exchange(in_, std::string()));
}

net::Task<void> ScriptedWire::Close() { co_await stream_->Close(); }

}  // namespace mailhaul::test_support
