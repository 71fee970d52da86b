// The bytes between OpenSSL and a stream: a BIO over two plain buffers. Included by the files of
// this folder only.
#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mailhaul::net {

// Ciphertext on its way. Must outlive its BIO and stay where it is.
class TlsWire final {
 public:
  TlsWire() = default;
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // A BIO that reads from and writes to this wire; the caller owns it (an SSL usually).
  BIO* NewBio();

  // Where the next input goes; everything before has been read. The space grows to 64 KiB while
  // input fills it and shrinks again when it does not.
  std::span<char> InputSpace();
  void AddInput(size_t count);
  void EndInput() { ended_ = true; }
  std::string_view unread_input() const { return {input_.get() + begin_, end_ - begin_}; }

  // What OpenSSL wrote since, appended until taken.
  bool has_output() const { return !output_.empty(); }
  void TakeOutput(std::string& into);
  // `taken` has been sent: empties it, and gives back large buffers.
  void ReleaseOutput(std::string& taken);

 private:
  // One TLS record fits the smaller one, give or take its header.
  static constexpr size_t kInputBytesMin = size_t{16} * 1024;
  static constexpr size_t kInputBytesMax = size_t{64} * 1024;

  static int OnRead(BIO* bio, char* out, size_t size, size_t* done);
  static int OnWrite(BIO* bio, const char* bytes, size_t size, size_t* done);
  static long OnControl(BIO* bio, int command, long number, void* pointer);

  std::unique_ptr<char[]> input_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t wanted_capacity_ = kInputBytesMin;
  bool ended_ = false;
  std::string output_;
};

}  // namespace mailhaul::net
