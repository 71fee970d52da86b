#include "engine/mime/transfer_encoding.h"

#include <gmime/gmime.h>

#include <algorithm>

#include "engine/mime/byte_scan.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;
constexpr size_t kFirstPieceBytesMin = 1024;

// The bytes of a part in pieces; without copying when the message lies in memory.
class BodyReader final {
 public:
  BodyReader(const ByteSource& source, const Part& part)
      : source_(source),
        all_(source.Contiguous()),
        next_(part.body_begin),
        end_(std::min(part.body_end, source.size())) {}

  // The next piece, at most `bytes_max`; empty at the end. Valid until the next call.
  Result<std::string_view> Next(size_t bytes_max) {
    const uint64_t left = next_ < end_ ? end_ - next_ : 0;
    const auto size = static_cast<size_t>(std::min<uint64_t>(left, bytes_max));
    if (size == 0) {
      return std::string_view();
    }
    if (!all_.empty()) {
      next_ += size;
      return all_.substr(next_ - size, size);
    }
    buffer_.resize(size);
    MH_ASSIGN_OR_RETURN(const size_t count, source_.ReadAt(next_, buffer_));
    next_ = count == 0 ? end_ : next_ + count;
    return std::string_view(buffer_).substr(0, count);
  }

 private:
  const ByteSource& source_;
  const std::string_view all_;
  uint64_t next_;
  const uint64_t end_;
  std::string buffer_;
};

GMimeContentEncoding ToGMime(TransferEncoding encoding) {
  switch (encoding) {
    case TransferEncoding::kBase64:
      return GMIME_CONTENT_ENCODING_BASE64;
    case TransferEncoding::kQuotedPrintable:
      return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
    case TransferEncoding::kUuencode:
      return GMIME_CONTENT_ENCODING_UUENCODE;
    case TransferEncoding::kIdentity:
      break;
  }
  return GMIME_CONTENT_ENCODING_BINARY;
}

// Decodes text that comes in pieces; what it gives does not depend on where they are cut. GMime's
// decoder of broken uuencoded text does depend on that, so it gets one line at a time.
class PieceDecoder final {
 public:
  explicit PieceDecoder(TransferEncoding encoding)
      : by_line_(encoding == TransferEncoding::kUuencode) {
    g_mime_encoding_init_decode(&state_, ToGMime(encoding));
  }

  // Appends to `*out`.
  void Add(std::string_view piece, std::string* out) {
    if (!by_line_) {
      Step(piece, out);
      return;
    }
    while (!piece.empty()) {
      const size_t room = kPieceBytes - line_.size();  // A longer line is cut there.
      const size_t end = std::min({piece.find('\n'), piece.size() - 1, room - 1}) + 1;
      line_ += piece.substr(0, end);
      piece.remove_prefix(end);
      if (line_.back() == '\n' || line_.size() == kPieceBytes) {
        Finish(out);
      }
    }
  }
  // Appends what is left.
  void Finish(std::string* out) {
    if (!line_.empty()) {
      Step(line_, out);
      line_.clear();
    }
  }

 private:
  void Step(std::string_view bytes, std::string* out) {
    const size_t old_size = out->size();
    out->resize(old_size + g_mime_encoding_outlen(&state_, bytes.size()));
    const size_t count =
        g_mime_encoding_step(&state_, bytes.data(), bytes.size(), out->data() + old_size);
    out->resize(old_size + count);
  }

  const bool by_line_;
  GMimeEncoding state_;
  std::string line_;
};

// Counts the decoded bytes of quoted-printable text that comes in pieces.
class QuotedPrintableCounter final {
 public:
  void Add(std::string_view text) {
    while (!text.empty()) {
      if (pending_.empty()) {
        const size_t equals = std::min(text.find('='), text.size());
        size_ += equals;
        text.remove_prefix(equals);
        if (text.empty()) {
          return;
        }
      }
      pending_.push_back(text.front());
      text.remove_prefix(1);
      if (pending_.size() == 3 || pending_ == "=\n") {
        Take();
      }
    }
  }
  uint64_t Finish() const { return size_ + pending_.size(); }

 private:
  void Take() {
    const bool is_soft_break = pending_ == "=\n" || pending_ == "=\r\n";
    const bool is_byte = g_ascii_isxdigit(pending_[1]) && g_ascii_isxdigit(pending_.back());
    size_ += is_soft_break ? 0 : is_byte ? 1 : pending_.size();
    pending_.clear();
  }
  uint64_t size_ = 0;
  std::string pending_;  // "=" and what follows it; never longer than 3 bytes.
};

template <typename Consumer>
Status ForEachPiece(const ByteSource& source, const Part& part, Consumer consume) {
  BodyReader reader(source, part);
  while (true) {
    MH_ASSIGN_OR_RETURN(const std::string_view piece, reader.Next(kPieceBytes));
    if (piece.empty()) {
      return Status::Ok();
    }
    consume(piece);
  }
}

}  // namespace

Result<std::string> DecodeBody(const ByteSource& source, const Part& part, size_t bytes_max) {
  PieceDecoder decoder(part.encoding);
  BodyReader reader(source, part);
  std::string decoded;
  size_t piece_bytes = std::clamp(bytes_max, kFirstPieceBytesMin, kPieceBytes);
  while (decoded.size() < bytes_max) {
    MH_ASSIGN_OR_RETURN(const std::string_view piece, reader.Next(piece_bytes));
    if (piece.empty()) {
      decoder.Finish(&decoded);
      break;
    }
    decoder.Add(piece, &decoded);
    piece_bytes = kPieceBytes;
  }
  decoded.resize(std::min(decoded.size(), bytes_max));
  return decoded;
}

Result<uint64_t> DecodedSize(const ByteSource& source, const Part& part) {
  uint64_t digits = 0;
  switch (part.encoding) {
    case TransferEncoding::kIdentity:
      return part.body_end - part.body_begin;
    case TransferEncoding::kBase64:
      if (part.base64_digits) {
        return *part.base64_digits * 3 / 4;
      }
      MH_RETURN_IF_ERROR(ForEachPiece(
          source, part, [&](std::string_view piece) { digits += CountBase64Digits(piece); }));
      return digits * 3 / 4;
    case TransferEncoding::kQuotedPrintable: {
      QuotedPrintableCounter counter;
      MH_RETURN_IF_ERROR(
          ForEachPiece(source, part, [&](std::string_view piece) { counter.Add(piece); }));
      return counter.Finish();
    }
    case TransferEncoding::kUuencode:
      break;
  }
  // Rare: decoded and thrown away, piece by piece.
  PieceDecoder decoder(part.encoding);
  uint64_t size = 0;
  std::string scratch;
  MH_RETURN_IF_ERROR(ForEachPiece(source, part, [&](std::string_view piece) {
    scratch.clear();
    decoder.Add(piece, &scratch);
    size += scratch.size();
  }));
  scratch.clear();
  decoder.Finish(&scratch);
  return size + scratch.size();
}

}  // namespace mailhaul::mime
