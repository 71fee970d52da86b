#include "store/body_check.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "store/aligned_buffer.h"
#include "store/blob_store.h"
#include "store/checked_body.h"
#include "store/compression.h"
#include "store/memory_file_system.h"
#include "store/segment.h"

namespace mailhaul::store {
namespace {

constexpr char kDirectory[] = "/blobs";

// A segment with one body, from which a store reads it.
std::unique_ptr<BlobStore> StoreWith(MemoryFileSystem& files, const std::string& header,
                                     const std::string& stored) {
  EXPECT_TRUE(files.CreateDirectories(kDirectory).ok());
  const auto file = files.Create(std::string(kDirectory) + "/" + SegmentName(1)).value();
  EXPECT_TRUE(file->WriteAt(0, SegmentFileHeader(1) + header + stored).ok());
  return BlobStore::Open(files, {.directory = kDirectory}).value();
}

// Stores of formats up to 4 have bodies without a check: their hash tells.
TEST(BlobStore, BodiesOfFormatsBeforeAreComparedWithTheirHash) {
  const std::string text(10'000, 'x');
  const std::string packed = CompressBody(text).value();
  const Sha256 hash = ComputeSha256(text);
  const BlobLocation at = {
      .segment = 1, .offset = kBlockBytes + kBodyHeaderBytes, .size = text.size()};
  for (const bool compressed : {false, true}) {
    const std::string header = compressed
                                   ? CompressedBodyHeader(static_cast<uint32_t>(packed.size()),
                                                          text.size(), hash, std::nullopt)
                                   : BodyHeader(text.size(), hash, std::nullopt);
    MemoryFileSystem files;
    const auto store = StoreWith(files, header, compressed ? packed : text);
    EXPECT_FALSE(store->Open(at, hash)->checked);
    EXPECT_EQ(OpenChecked(*store, at, hash).value()->Contiguous(), text);
    EXPECT_EQ(OpenChecked(*store, at, ComputeSha256("")).status().code(), Code::kCorrupt);
  }
}

TEST(BlobStore, EveryBitOfABodyAndItsHeaderIsCheckedWhenItIsRead) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += std::to_string(i * i) + "\r\n";
  }
  const std::string packed = CompressBody(text).value();
  const Sha256 hash = ComputeSha256(text);
  const BlobLocation at = {
      .segment = 1, .offset = kBlockBytes + kBodyHeaderBytes, .size = text.size()};
  for (const std::string& stored : {text, packed}) {
    const uint64_t check = ComputeBodyCheck(stored);
    const std::string whole =
        (stored == text ? BodyHeader(text.size(), hash, check)
                        : CompressedBodyHeader(static_cast<uint32_t>(packed.size()), text.size(),
                                               hash, check)) +
        stored;
    for (size_t bit = 0; bit <= whole.size() * 8; ++bit) {
      std::string damaged = whole;
      if (bit > 0) {
        damaged[(bit - 1) / 8] ^= static_cast<char>(1 << ((bit - 1) % 8));
      }
      MemoryFileSystem files;
      const auto store = StoreWith(files, damaged, "");
      EXPECT_EQ(OpenChecked(*store, at, hash).status().code(),
                bit == 0 ? Code::kOk : Code::kCorrupt)
          << bit;
    }
    MemoryFileSystem files;
    const auto store = StoreWith(files, whole, "");
    EXPECT_TRUE(store->Open(at, hash)->checked);
    EXPECT_EQ(OpenChecked(*store, at, ComputeSha256("")).status().code(), Code::kCorrupt);
  }
}

}  // namespace
}  // namespace mailhaul::store
