#include "store/audit/body_audit.h"

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"
#include "store/aligned_buffer.h"
#include "store/audit/paging.h"
#include "store/body_check.h"
#include "store/compression.h"
#include "store/file_byte_source.h"
#include "store/framed_body.h"
#include "store/key_layout.h"
#include "store/records.h"
#include "store/segment.h"
#include "store/sha256.h"

namespace mailhaul::store {
namespace {

constexpr size_t kHashOffset = kKeyPrefixBytes + sizeof(uint32_t);
constexpr size_t kBlobKeyBytes = kHashOffset + sizeof(Sha256);
// Sorted in memory at a time: some 60 MB.
constexpr uint64_t kBodiesAtATime = 1'000'000;
constexpr size_t kReadBytes = size_t{1} << 20;

struct Body : BlobReference {
  Sha256 sha256{};
};

// Reads a file forwards in large pieces.
class ForwardReader final {
 public:
  explicit ForwardReader(const File& file) : file_(file), buffer_(kReadBytes, '\0') {}

  // Calls `take` with all bytes from `begin` to `end`, which lie in the file, in pieces.
  Status Read(uint64_t begin, uint64_t end, const std::function<void(std::string_view)>& take) {
    while (begin < end) {
      if (begin < buffered_at_ || begin >= buffered_at_ + buffered_) {
        MH_ASSIGN_OR_RETURN(buffered_, file_.ReadAt(begin, std::span(buffer_.data(), kReadBytes)));
        buffered_at_ = begin;
        if (buffered_ == 0) {
          return {Code::kIo, "a segment became shorter while it was read"};
        }
      }
      const size_t from = begin - buffered_at_;
      const size_t count = std::min<uint64_t>(buffered_ - from, end - begin);
      take(std::string_view(buffer_).substr(from, count));
      begin += count;
    }
    return Status::Ok();
  }
  Result<std::string> Bytes(uint64_t begin, uint64_t count) {
    std::string bytes;
    MH_RETURN_IF_ERROR(
        Read(begin, begin + count, [&bytes](std::string_view part) { bytes.append(part); }));
    return bytes;
  }

 private:
  const File& file_;
  std::string buffer_;
  uint64_t buffered_at_ = 0;
  size_t buffered_ = 0;
};

// One segment file and the bodies that rows say lie in it.
class SegmentAudit final {
 public:
  SegmentAudit(std::shared_ptr<const File> file, uint32_t number, AuditReport& report)
      : file_(std::move(file)), reader_(*file_), number_(number), report_(report) {}

  Status Run(uint64_t file_size, std::span<const Body> bodies) {
    const std::string header = SegmentFileHeader(number_);
    uint64_t end = std::min<uint64_t>(file_size, header.size());
    MH_ASSIGN_OR_RETURN(const std::string stored, reader_.Bytes(0, end));
    if (bodies.empty() ? !IsPartOf(header, stored) : stored != header) {
      Complain(0, "its header is damaged");
    }
    for (const Body& body : bodies) {
      const uint64_t begin = body.location.offset - kBodyHeaderBytes;
      if (body.location.offset < kBodyHeaderBytes || begin < end) {
        Complain(body.location.offset, "overlaps what lies before it");
        continue;
      }
      const uint64_t bytes = body.stored_bytes();
      if (bytes > file_size || body.location.offset > file_size - bytes) {
        Complain(body.location.offset, "lies behind the end of the file");
        continue;
      }
      MH_RETURN_IF_ERROR(CountLeftover(end, begin));
      MH_ASSIGN_OR_RETURN(end, CheckBody(body, file_size));
    }
    return CountLeftover(end, std::max(end, file_size));
  }

 private:
  void Complain(uint64_t offset, const std::string& problem) {
    report_.Add("segment " + SegmentName(number_) + " at " + std::to_string(offset), problem);
  }

  // What a power cut leaves of a header that was not synced: any of its sectors, zeros for others.
  static bool IsPartOf(std::string_view header, std::string_view stored) {
    for (size_t i = 0; i < stored.size(); ++i) {
      if (stored[i] != header[i] && stored[i] != '\0') {
        return false;
      }
    }
    return true;
  }

  struct Found {
    bool whole = false;  // The bytes are the body.
    uint64_t check = 0;  // Of them, where its header may say one.
  };
  Result<Found> LookAt(uint64_t begin, uint64_t end, const Body& body, bool framed) {
    Found found;
    if (framed) {
      MH_ASSIGN_OR_RETURN(found.whole, IsFramedBody(body));
      return found;
    }
    if (body.location.size <= kCompressibleBytesMax) {
      MH_ASSIGN_OR_RETURN(const std::string bytes, reader_.Bytes(begin, end - begin));
      found.check = ComputeBodyCheck(bytes);
      if (body.compressed == 0) {
        found.whole = ComputeSha256(bytes) == body.sha256;
      } else {
        const Result<RawBuffer> whole = DecompressBody(bytes, body.location.size);
        found.whole = whole.ok() && ComputeSha256(whole->view()) == body.sha256;
      }
      return found;
    }
    Sha256Hasher hasher;
    MH_RETURN_IF_ERROR(
        reader_.Read(begin, end, [&hasher](std::string_view part) { hasher.Update(part); }));
    found.whole = body.compressed == 0 && hasher.Finish() == body.sha256;
    return found;
  }

  // By the way that readers take.
  Result<bool> IsFramedBody(const Body& body) {
    BlobLocation stored = body.location;
    stored.size = body.compressed;
    const Result<std::unique_ptr<ByteSource>> source =
        OpenFrames(std::make_unique<FileByteSource>(file_, stored), body.location.size);
    if (!source.ok()) {
      return source.status().code() == Code::kCorrupt ? Result<bool>(false)
                                                      : Result<bool>(source.status());
    }
    std::string part(kFrameBytes, '\0');
    Sha256Hasher hasher;
    for (uint64_t offset = 0; offset < body.location.size;) {
      const Result<size_t> got = (*source)->ReadAt(offset, part);
      if (!got.ok()) {
        return got.status().code() == Code::kCorrupt ? Result<bool>(false)
                                                     : Result<bool>(got.status());
      }
      hasher.Update(std::string_view(part).substr(0, *got));
      offset += *got;
    }
    return hasher.Finish() == body.sha256;
  }

  // Where what belongs to the body ends.
  Result<uint64_t> CheckBody(const Body& body, uint64_t file_size) {
    const BlobLocation& at = body.location;
    const uint64_t end = at.offset + body.stored_bytes();
    MH_ASSIGN_OR_RETURN(const std::string header,
                        reader_.Bytes(at.offset - kBodyHeaderBytes, kBodyHeaderBytes));
    const std::string framed_header = FramedBodyHeader(body.compressed, at.size, body.sha256);
    // A damaged header does not tell, but the size may.
    const bool framed =
        body.compressed != 0 && (header == framed_header || at.size > kCompressibleBytesMax);
    MH_ASSIGN_OR_RETURN(const Found found, LookAt(at.offset, end, body, framed));
    const Result<ParsedBodyHeader> parsed = ParseBodyHeader(header);
    std::optional<uint64_t> check;
    if (parsed.ok() && parsed->check) {
      // A damaged body says nothing of its header.
      check = found.whole ? found.check : *parsed->check;
    }
    if (!found.whole) {
      Complain(at.offset, "a message body of " + std::to_string(at.size) + " bytes is damaged");
    }
    if (framed && header == framed_header) {
      return end;
    }
    if (header == (body.compressed != 0
                       ? CompressedBodyHeader(body.compressed, at.size, body.sha256, check)
                       : BodyHeader(at.size, body.sha256, check))) {
      return end;
    }
    if (body.compressed != 0 || header != StreamedBodyHeader(at.size)) {
      Complain(at.offset, "the header of a message body is damaged");
      return end;
    }
    const std::string trailer = StreamedBodyTrailer(at.size, body.sha256);
    const uint64_t trailer_end = std::min<uint64_t>(end + trailer.size(), file_size);
    MH_ASSIGN_OR_RETURN(const std::string stored, reader_.Bytes(end, trailer_end - end));
    if (stored != trailer) {
      Complain(at.offset, "the trailer of a message body is damaged");
    }
    return trailer_end;
  }

  Status CountLeftover(uint64_t begin, uint64_t end) {
    return reader_.Read(begin, end, [this](std::string_view part) {
      report_.leftover_bytes +=
          part.size() - static_cast<uint64_t>(std::count(part.begin(), part.end(), '\0'));
    });
  }

  const std::shared_ptr<const File> file_;
  ForwardReader reader_;
  const uint32_t number_;
  AuditReport& report_;
};

class BodyAudit final {
 public:
  BodyAudit(KeyValueStore& records, FileSystem& files, const AuditOptions& options,
            AuditReport& report)
      : records_(records), files_(files), options_(options), report_(report) {}

  Status Run() {
    const Result<std::vector<std::string>> names = files_.List(options_.blob_directory);
    if (!names.ok() && names.status().code() != Code::kNotFound) {
      return names.status();
    }
    // A process killed at its very first start has not made the directory yet.
    for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
      if (const uint32_t number = ParseSegmentName(name); number != 0) {
        bodies_in_[number] = 0;
      }
    }
    MH_RETURN_IF_ERROR(EachBody([this](const Body& body) {
      ++bodies_in_[body.location.segment];
      ++report_.bodies;
      report_.body_bytes += body.location.size;
    }));
    while (!bodies_in_.empty()) {
      MH_RETURN_IF_ERROR(NextSegments());
    }
    return Status::Ok();
  }

 private:
  Status EachBody(const std::function<void(const Body&)>& visit) {
    const std::string prefix(1, static_cast<char>(Keyspace::kBlob));
    return PageThrough(records_, prefix, [&visit](const Row& row) {
      const Result<BlobReference> reference = DecodeBlobReference(row.value);
      if (row.key.size() != kBlobKeyBytes || !reference.ok()) {
        return Status::Ok();  // Told of by the audit of rows.
      }
      Body body{*reference, {}};
      std::copy_n(row.key.begin() + kHashOffset, body.sha256.size(), body.sha256.begin());
      visit(body);
      return Status::Ok();
    });
  }

  // As many segments, in order, as can be sorted at a time.
  Status NextSegments() {
    uint64_t count = 0;
    uint32_t last = 0;
    for (const auto& [segment, bodies] : bodies_in_) {
      if (count > 0 && count + bodies > kBodiesAtATime) {
        break;
      }
      count += bodies;
      last = segment;
    }
    std::vector<Body> bodies;
    bodies.reserve(count);
    MH_RETURN_IF_ERROR(EachBody([&](const Body& body) {
      if (body.location.segment <= last && bodies_in_.contains(body.location.segment)) {
        bodies.push_back(body);
      }
    }));
    std::sort(bodies.begin(), bodies.end(), [](const Body& a, const Body& b) {
      return std::tie(a.location.segment, a.location.offset) <
             std::tie(b.location.segment, b.location.offset);
    });
    std::span<const Body> rest(bodies);
    while (!bodies_in_.empty() && bodies_in_.begin()->first <= last) {
      const auto [segment, expected] = *bodies_in_.begin();
      bodies_in_.erase(bodies_in_.begin());
      MH_CHECK(expected <= rest.size());
      MH_RETURN_IF_ERROR(CheckSegment(segment, rest.first(expected)));
      rest = rest.subspan(expected);
      if (options_.progress) {
        options_.progress(report_);
      }
    }
    return Status::Ok();
  }

  Status CheckSegment(uint32_t segment, std::span<const Body> bodies) {
    Result<std::unique_ptr<File>> file =
        files_.Open(options_.blob_directory + "/" + SegmentName(segment));
    if (!file.ok() && file.status().code() == Code::kNotFound) {
      report_.Add("segment " + SegmentName(segment),
                  "missing, with " + std::to_string(bodies.size()) + " message bodies");
      return Status::Ok();
    }
    MH_RETURN_IF_ERROR(file.status());
    MH_ASSIGN_OR_RETURN(const uint64_t size, (*file)->Size());
    return SegmentAudit(std::move(file).value(), segment, report_).Run(size, bodies);
  }

  KeyValueStore& records_;
  FileSystem& files_;
  const AuditOptions& options_;
  AuditReport& report_;
  std::map<uint32_t, uint64_t> bodies_in_;  // By segment that is still to be read.
};

}  // namespace

Status AuditBodies(KeyValueStore& records, FileSystem& files, const AuditOptions& options,
                   AuditReport& report) {
  return BodyAudit(records, files, options, report).Run();
}

}  // namespace mailhaul::store
