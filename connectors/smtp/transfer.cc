#include "connectors/smtp/transfer.h"

#include <span>
#include <utility>

#include "connectors/smtp/command_encoder.h"
#include "connectors/smtp/limits.h"

namespace mailhaul::smtp {

net::Task<Result<bool>> Transfer::ReadBlock(DataEncoder& encoder) {
  block_.resize(kDataBlockBytes);
  CO_TRY(const size_t bytes, source_.Read(std::span<char>(block_)));
  if (bytes == 0) {
    encoder.Finish(&pending_);
    co_return false;
  }
  const std::string_view block(block_.data(), bytes);
  scanner_.Append(block);
  encoder.Append(block, &pending_);
  co_return true;
}

net::Task<Status> Transfer::WritePending() {
  if (pending_.empty()) {
    co_return Status::Ok();
  }
  Status written = co_await connection_.Write(pending_, kDataBlockTimeout);
  pending_.clear();
  co_return written;
}

net::Task<Status> Transfer::Data() {
  std::string line = "DATA\r\n";
  CO_TRY(Reply go, connection_.Command(std::move(line)));
  if (go.temporary() || go.permanent()) {
    reply_ = std::move(go);
    co_return Status::Ok();
  }
  if (go.code != 354) {
    co_return Status(Code::kProtocol, "the server answers DATA with " + go.ToString());
  }
  DataEncoder encoder(DotStuffing::kYes);
  for (bool more = true; more;) {
    CO_TRY(more, ReadBlock(encoder));
    CO_RETURN_IF_ERROR(WritePending());
  }
  std::string end(kEndOfDataLine);
  co_return co_await End(std::move(end));
}

net::Task<Status> Transfer::Chunks(bool pipelining) {
  DataEncoder encoder(DotStuffing::kNo);
  const size_t in_flight_max = pipelining ? kChunksInFlightMax : 1;
  for (bool more = true; more;) {
    if (pending_.size() >= kChunkBytes) {
      CO_RETURN_IF_ERROR(SendChunk(in_flight_max));
      if (reply_.has_value()) {
        break;
      }
    }
    CO_TRY(more, ReadBlock(encoder));
  }
  // A refused chunk must be known before the point of no return.
  while (chunks_in_flight_ > 0 && !connection_.closing()) {
    CO_RETURN_IF_ERROR(ReadChunkReply());
  }
  if (reply_.has_value()) {
    co_return Status::Ok();
  }
  std::string last = EncodeChunkHead(pending_.size(), true) + pending_;
  co_return co_await End(std::move(last));
}

net::Task<Status> Transfer::SendChunk(size_t in_flight_max) {
  pending_.insert(0, EncodeChunkHead(pending_.size(), false));
  CO_RETURN_IF_ERROR(WritePending());
  ++chunks_in_flight_;
  while (chunks_in_flight_ >= in_flight_max && !reply_.has_value()) {
    CO_RETURN_IF_ERROR(ReadChunkReply());
  }
  co_return Status::Ok();
}

net::Task<Status> Transfer::ReadChunkReply() {
  CO_TRY(Reply reply, connection_.ReadReply(kDataBlockTimeout));
  --chunks_in_flight_;
  if (reply.intermediate()) {
    co_return Status(Code::kProtocol, "the server answers BDAT with " + reply.ToString());
  }
  // Chunks behind a refused one are refused too; the first refusal says why.
  if (!reply.positive() && !reply_.has_value()) {
    reply_ = std::move(reply);
  }
  co_return Status::Ok();
}

net::Task<Status> Transfer::End(std::string last_bytes) {
  if (scanner_.Finish() != source_.facts()) {
    co_return Status(Code::kInternal, "the message is not what was said of it before");
  }
  const Status in_step = connection_.CheckInStep();
  if (!in_step.ok()) {
    co_return in_step;
  }
  CO_RETURN_IF_ERROR(observer_.BeforeEndOfData());
  end_begun_ = true;
  CO_RETURN_IF_ERROR(connection_.Write(last_bytes, kDataBlockTimeout));
  CO_TRY(Reply reply, connection_.ReadReply(kEndOfDataTimeout));
  if (reply.intermediate()) {
    co_return Status(Code::kProtocol,
                     "the server answers a whole message with " + reply.ToString());
  }
  reply_ = std::move(reply);
  co_return Status::Ok();
}

}  // namespace mailhaul::smtp
