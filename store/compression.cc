#include "store/compression.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/base64_lines.h"
#include "store/noise.h"
#include "store/scratch.h"
#include "store/split_piece.h"
#include "store/zstd_frame.h"

namespace mailhaul::store {
namespace {

// Of text; higher ones save little and take longer: README.md.
constexpr int kLevel = 2;
// What attachments are is compressed already, as a rule: level 1 finds that out fastest where it
// does not show.
constexpr int kDecodedLevel = 1;
constexpr size_t kSavedShare = 16;
// Of what attachments are decoded to, a thread keeps for the next body.
constexpr size_t kKeptRoomBytes = size_t{1} << 20;

bool IsSmaller(size_t compressed, size_t bytes) {
  return compressed < bytes && bytes - compressed > bytes / kSavedShare;
}

// Whether one of the runs, which is `bytes`, is kept as it is. Two of one size may be the same
// photograph twice, of which zstd keeps one.
bool IsKeptRaw(const std::vector<Base64Run>& runs, std::string_view bytes) {
  return bytes.size() >= kNoiseBytesMin &&
         std::count_if(runs.begin(), runs.end(),
                       [&](const Base64Run& run) { return run.decoded == bytes.size(); }) == 1 &&
         LooksLikeNoise(bytes);
}

// Neighbours that are compressed share a frame.
Status AppendDecoded(const SplitBytes& split, std::string& out) {
  std::string_view left = split.decoded;
  size_t waiting = 0;  // Bytes that `left` begins with, to be compressed.
  for (size_t i = 0; i < split.runs.size(); ++i) {
    const std::string_view run = left.substr(waiting, split.runs[i].decoded);
    if (!IsKeptRaw(split.runs, run)) {
      waiting += run.size();
      continue;
    }
    if (waiting != 0) {
      MH_RETURN_IF_ERROR(AppendZstdFrame(left.substr(0, waiting), kDecodedLevel, out));
    }
    AppendRawFrame(run, out);
    left.remove_prefix(waiting + run.size());
    waiting = 0;
  }
  return left.empty() ? Status::Ok() : AppendZstdFrame(left, kDecodedLevel, out);
}

Status AppendSplit(const SplitBytes& split, std::string& out, bool& decoded_shrinks) {
  std::string rest;
  if (!split.rest.empty()) {
    MH_RETURN_IF_ERROR(AppendZstdFrame(split.rest, kLevel, rest));
  }
  std::string header;
  AppendSplitHeader(split.runs, rest.size(), header);
  out += header;
  out += rest;
  const size_t before = out.size();
  MH_RETURN_IF_ERROR(AppendDecoded(split, out));
  decoded_shrinks = IsSmaller(out.size() - before, split.decoded.size());
  return Status::Ok();
}

// May have added a part of a piece when it fails.
Status AppendSplitOrWhole(std::string_view bytes, std::string& out, bool& decoded_shrinks) {
  thread_local RawBuffer room;
  SplitBytes split = SplitBase64(bytes, std::move(room));
  Status appended = split.runs.empty() ? AppendZstdFrame(bytes, kLevel, out)
                                       : AppendSplit(split, out, decoded_shrinks);
  if (split.room.size() <= kKeptRoomBytes) {
    room = std::move(split.room);
  }
  return appended;
}

Status ReadSplit(const SplitPiece& split, std::span<char> out) {
  thread_local Scratch rest_scratch;
  thread_local Scratch decoded_scratch;
  const std::span<char> rest = rest_scratch.Take(split.rest_bytes);
  if (!rest.empty()) {
    MH_RETURN_IF_ERROR(ReadZstdFrame(split.rest_frame, rest));
  }
  const std::span<char> decoded = decoded_scratch.Take(split.decoded_bytes);
  MH_RETURN_IF_ERROR(ReadZstdFrame(split.decoded_frame, decoded));
  JoinBase64(split.runs, {rest.data(), rest.size()}, {decoded.data(), decoded.size()}, out);
  rest_scratch.Trim();
  decoded_scratch.Trim();
  return Status::Ok();
}

}  // namespace

std::optional<std::string> CompressBody(std::string_view body) {
  std::string compressed;
  if (body.size() > kCompressibleBytesMax || !AppendPiece(body, compressed).ok() ||
      !IsSmaller(compressed.size(), body.size())) {
    return std::nullopt;
  }
  if (compressed.capacity() - compressed.size() > compressed.size() / kSavedShare) {
    compressed.shrink_to_fit();
  }
  return compressed;
}

Result<RawBuffer> DecompressBody(std::string_view compressed, uint64_t size) {
  if (size > kCompressibleBytesMax ||
      (!IsSplitPiece(compressed) && ZstdContentBytes(compressed) != size)) {
    return Status(Code::kCorrupt, "a compressed body is of another size");
  }
  RawBuffer body(size);
  MH_RETURN_IF_ERROR(ReadPiece(compressed, body.span()));
  return body;
}

Status AppendPiece(std::string_view bytes, std::string& out) {
  const size_t before = out.size();
  bool decoded_shrinks = false;
  Status appended = AppendSplitOrWhole(bytes, out, decoded_shrinks);
  // Of what does not become smaller decoded no digit takes less than six bits as it is.
  if (appended.ok() && decoded_shrinks) {
    std::string plain;
    appended = AppendZstdFrame(bytes, kLevel, plain);
    if (appended.ok() && plain.size() <= out.size() - before) {
      out.replace(before, std::string::npos, plain);
    }
  }
  if (!appended.ok()) {
    out.resize(before);
  }
  return appended;
}

// Split pieces are smaller than what they hold.
size_t PieceBound(size_t bytes) { return ZstdFrameBound(bytes); }

Status ReadPiece(std::string_view piece, std::span<char> out) {
  if (!IsSplitPiece(piece)) {
    return ReadZstdFrame(piece, out);
  }
  MH_ASSIGN_OR_RETURN(const SplitPiece split, ParseSplitPiece(piece, out.size()));
  return ReadSplit(split, out);
}

bool BecomesSmaller(std::string_view sample) {
  return CompressBody(sample.substr(0, kCompressibleBytesMax)).has_value();
}

}  // namespace mailhaul::store
