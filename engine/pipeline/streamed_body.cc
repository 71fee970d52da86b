#include "engine/pipeline/streamed_body.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.h"
#include "connectors/net/run_on.h"

namespace mailhaul::pipeline {
namespace {

// As many as arrive while a slow disk syncs once.
constexpr size_t kPartsAheadMax = 4;

}  // namespace

std::shared_ptr<StreamedBody> StreamedBody::Start(Context& context, const WorkLane& cpu,
                                                  std::optional<uint64_t> size) {
  std::shared_ptr<StreamedBody> body(new StreamedBody(context, cpu, size));
  body->unwritten_ = 1;
  context.committer.RunBeside([body] { body->Begin(); });
  return body;
}

StreamedBody::StreamedBody(Context& context, const WorkLane& cpu, std::optional<uint64_t> size)
    : context_(context),
      cpu_(cpu),
      loop_(*net::Loop::Current()),
      size_(size),
      scanner_(std::make_unique<mime::StructureScanner>()) {
  filling_.reserve(std::min<uint64_t>(kPartBytes, size.value_or(kPartBytes)));
}

StreamedBody::~StreamedBody() { context_.budget.Give(extra_ * kPartBytes); }

// Beside the committer.
void StreamedBody::Begin() {
  Result<std::unique_ptr<store::BlobStore::Writer>> begun = context_.store.blobs().Begin(size_);
  if (begun.ok()) {
    writer_ = std::move(begun).value();
  }
  // From the loop, not from here: this thread may outlive the arena.
  loop_.Post([body = shared_from_this(), status = begun.status()] {
    body->OnWritten(status);
    body->SubmitParts();
  });
}

net::Task<Status> StreamedBody::Append(std::string_view bytes) {
  while (!bytes.empty() && failure_.ok()) {
    const std::string_view taken = bytes.substr(0, kPartBytes - filling_.size());
    filling_.append(taken);
    bytes.remove_prefix(taken.size());
    received_ += taken.size();
    if (filling_.size() < kPartBytes) {
      break;
    }
    while (unwritten_ > 0 && failure_.ok()) {
      if (unwritten_ <= kPartsAheadMax && context_.budget.TryTake(kPartBytes)) {
        ++extra_;
        break;
      }
      co_await AwaitWritten();
    }
    if (!failure_.ok()) {
      break;
    }
    HandOver();
    filling_.reserve(std::min<uint64_t>(kPartBytes, size_.value_or(UINT64_MAX) - received_));
  }
  co_return failure_;
}

void StreamedBody::HandOver() {
  ++unwritten_;
  {
    const std::lock_guard lock(mutex_);
    parts_.push_back(std::exchange(filling_, {}));
    if (std::exchange(preparing_, true)) {
      return;
    }
  }
  SubmitParts();
}

void StreamedBody::SubmitParts() {
  cpu_.Submit([body = shared_from_this()] { body->PrepareParts(); });
}

// As long as there are any: so they are prepared in order, by one thread at a time.
void StreamedBody::PrepareParts() {
  for (;;) {
    std::string part;
    {
      const std::lock_guard lock(mutex_);
      if (parts_.empty()) {
        preparing_ = false;
        return;
      }
      part = std::move(parts_.front());
      parts_.pop_front();
    }
    const Status prepared = PrepareOne(std::move(part));
    if (!prepared.ok()) {
      Tell(prepared);
    }
  }
}

// An own copy is passed on, since the next part is prepared while this one waits to be written.
Status StreamedBody::PrepareOne(std::string part) {
  if (writer_ == nullptr) {
    return {Code::kCancelled, "the message could not be begun"};
  }
  Scan(part);
  KeepFront(part);
  MH_ASSIGN_OR_RETURN(std::string prepared, writer_->Prepare(std::move(part)));
  const auto bytes = std::make_shared<std::string>(std::move(prepared));
  context_.committer.RunBeside([body = shared_from_this(), bytes] {
    const Status status = body->writer_->Write(*bytes);
    *bytes = std::string();
    body->Tell(status);
  });
  return Status::Ok();
}

void StreamedBody::Scan(std::string_view part) {
  if (scanner_ != nullptr) {
    scanner_->Feed(part);
    if (scanner_->held_bytes() > kStructureBytesMax) {
      scanner_.reset();
    }
  }
}

void StreamedBody::KeepFront(std::string_view part) {
  front_.append(part.substr(0, kFrontBytesMax - front_.size()));
}

void StreamedBody::Tell(const Status& status) {
  loop_.Post([body = shared_from_this(), status] { body->OnWritten(status); });
}

void StreamedBody::OnWritten(const Status& status) {
  --unwritten_;
  if (extra_ > 0) {
    --extra_;
    context_.budget.Give(kPartBytes);
  }
  if (failure_.ok()) {
    failure_ = status;
  }
  if (written_.waiting()) {
    written_.Set(true);
  }
}

net::Task<void> StreamedBody::AwaitWritten() {
  const bool written = co_await written_.Wait();
  static_cast<void>(written);
}

net::Task<Status> StreamedBody::Finish() {
  if (!filling_.empty()) {
    HandOver();
  }
  while (unwritten_ > 0) {
    co_await AwaitWritten();
  }
  if (!failure_.ok()) {
    co_return failure_;
  }
  std::function<Status()> finish = [body = shared_from_this()]() -> Status {
    MH_ASSIGN_OR_RETURN(body->finished_, body->writer_->Finish());
    body->writer_.reset();
    return Status::Ok();
  };
  const auto beside = [&committer = context_.committer](std::function<void()> job) {
    committer.RunBeside(std::move(job));
  };
  failure_ = co_await net::RunThrough<Status>(beside, std::move(finish));
  if (failure_.ok()) {
    source_ = MakeSource();
  }
  co_return failure_;
}

std::unique_ptr<FrontedSource> StreamedBody::MakeSource() {
  return std::make_unique<FrontedSource>(
      std::move(front_), received_,
      [&blobs = context_.store.blobs(),
       finished = *finished_]() -> Result<std::unique_ptr<ByteSource>> {
        MH_ASSIGN_OR_RETURN(store::BlobStore::Opened opened,
                            blobs.Open(finished.location, finished.sha256));
        return std::move(opened.body);
      });
}

ParsedContent StreamedBody::Parse(Uid uid) const {
  return scanner_ == nullptr ? ParseContent(*source_, uid)
                             : ParseContent(*source_, scanner_->Finish(received_), uid);
}

}  // namespace mailhaul::pipeline
