#include "connectors/net/tls_bio.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace mailhaul::net {
namespace {

// A larger output buffer is given back once its contents are on their way.
constexpr size_t kOutputBytesKept = size_t{16} * 1024;

TlsWire* WireOf(BIO* bio) { return static_cast<TlsWire*>(BIO_get_data(bio)); }

}  // namespace

BIO* TlsWire::NewBio() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mailhaul");
    MH_CHECK(made != nullptr);
    BIO_meth_set_read_ex(made, &TlsWire::OnRead);
    BIO_meth_set_write_ex(made, &TlsWire::OnWrite);
    BIO_meth_set_ctrl(made, &TlsWire::OnControl);
    return made;
  }();
  BIO* const bio = BIO_new(method);
  MH_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

std::span<char> TlsWire::InputSpace() {
  MH_CHECK(begin_ == end_);
  begin_ = 0;
  end_ = 0;
  if (capacity_ != wanted_capacity_) {
    capacity_ = wanted_capacity_;
    input_ = std::make_unique_for_overwrite<char[]>(capacity_);
  }
  return {input_.get(), capacity_};
}

void TlsWire::AddInput(size_t count) {
  end_ = count;
  if (count == capacity_) {
    wanted_capacity_ = kInputBytesMax;
  } else if (count < kInputBytesMin / 4) {
    wanted_capacity_ = kInputBytesMin;
  }
}

void TlsWire::TakeOutput(std::string& into) {
  into.clear();
  into.swap(output_);
}

void TlsWire::ReleaseOutput(std::string& taken) {
  taken.clear();
  for (std::string* const buffer : {&taken, &output_}) {
    if (buffer->empty() && buffer->capacity() > kOutputBytesKept) {
      buffer->shrink_to_fit();
    }
  }
}

int TlsWire::OnRead(BIO* bio, char* out, size_t size, size_t* done) {
  TlsWire& wire = *WireOf(bio);
  BIO_clear_retry_flags(bio);
  *done = std::min(size, wire.end_ - wire.begin_);
  if (*done > 0) {
    std::memcpy(out, wire.input_.get() + wire.begin_, *done);
    wire.begin_ += *done;
    return 1;
  }
  if (!wire.ended_) {
    BIO_set_retry_read(bio);
  }
  return 0;
}

int TlsWire::OnWrite(BIO* bio, const char* bytes, size_t size, size_t* done) {
  BIO_clear_retry_flags(bio);
  WireOf(bio)->output_.append(bytes, size);
  *done = size;
  return 1;
}

long TlsWire::OnControl(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  const TlsWire& wire = *WireOf(bio);
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return wire.ended_ && wire.begin_ == wire.end_ ? 1 : 0;
    case BIO_CTRL_PENDING:
      return static_cast<long>(wire.end_ - wire.begin_);
    default:
      return 0;
  }
}

}  // namespace mailhaul::net
