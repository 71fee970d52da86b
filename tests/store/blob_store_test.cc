#include "store/blob_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "store/aligned_buffer.h"
#include "store/checked_body.h"
#include "store/compression.h"
#include "store/framed_body.h"
#include "store/memory_file_system.h"
#include "store/segment.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::store {
namespace {

constexpr char kDirectory[] = "/blobs";

std::string BodyOf(size_t size, uint64_t seed) {
  std::string body(size, '\0');
  SeededRandom random(seed);
  random.Fill({reinterpret_cast<unsigned char*>(body.data()), body.size()});
  return body;
}

std::string ReadAll(const ByteSource& source) {
  std::string out(source.size(), '\0');
  const Result<size_t> got = source.ReadAt(0, out);
  EXPECT_TRUE(got.ok()) << got.status().ToString();
  out.resize(got.ok() ? *got : 0);
  return out;
}

std::unique_ptr<BlobStore> OpenStore(FileSystem& files, uint64_t segment_bytes_max = 1 << 24) {
  Result<std::unique_ptr<BlobStore>> store =
      BlobStore::Open(files, {.directory = kDirectory, .segment_bytes_max = segment_bytes_max});
  EXPECT_TRUE(store.ok()) << store.status().ToString();
  return std::move(store).value();
}

std::string ReadBody(const BlobStore& store, const BlobLocation& location, const Sha256& sha256) {
  const Result<std::unique_ptr<ByteSource>> source = OpenChecked(store, location, sha256);
  EXPECT_TRUE(source.ok()) << source.status().ToString();
  return source.ok() ? ReadAll(**source) : std::string();
}

bool Holds(const BlobStore& store, const BlobLocation& location, const std::string& body) {
  return ReadBody(store, location, ComputeSha256(body)) == body;
}

BlobLocation AppendBody(BlobStore& store, const std::string& body) {
  Result<BlobLocation> location = store.Append(body, ComputeSha256(body));
  EXPECT_TRUE(location.ok()) << location.status().ToString();
  return location.ok() ? *location : BlobLocation{};
}

// Bodies of every awkward size around blocks and the write buffer.
const std::vector<size_t> kSizes = {0,    1,       4047,    4048,           4049,
                                    4096, 1 << 20, 4194304, 4194304 + 4097, 9000000};

void CheckRoundTrip(FileSystem& files, const std::string& directory) {
  std::vector<BlobLocation> locations;
  {
    Result<std::unique_ptr<BlobStore>> store =
        BlobStore::Open(files, {.directory = directory, .segment_bytes_max = 1 << 24});
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    for (size_t i = 0; i < kSizes.size(); ++i) {
      locations.push_back(AppendBody(**store, BodyOf(kSizes[i], i)));
    }
    ASSERT_TRUE((*store)->Sync().ok());
    for (size_t i = 0; i < kSizes.size(); ++i) {
      EXPECT_TRUE(Holds(**store, locations[i], BodyOf(kSizes[i], i)));
    }
  }
  Result<std::unique_ptr<BlobStore>> store = BlobStore::Open(files, {.directory = directory});
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  for (size_t i = 0; i < kSizes.size(); ++i) {
    EXPECT_TRUE(Holds(**store, locations[i], BodyOf(kSizes[i], i)));
  }
}

TEST(BlobStoreTest, CompressedBodiesLieAmongOthers) {
  MemoryFileSystem files;
  const std::string text(100'000, 'x');
  const std::string noise = BodyOf(5000, 1);
  const std::string compressed = CompressBody(text).value();
  EXPECT_LT(compressed.size(), text.size() / 10);
  EXPECT_EQ(CompressBody(noise), std::nullopt);
  EXPECT_EQ(CompressBody(""), std::nullopt);
  EXPECT_EQ(CompressBody(std::string(kCompressibleBytesMax + 1, 'x')), std::nullopt);
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  const BlobLocation before = AppendBody(*store, noise);
  const Result<BlobLocation> location =
      store->AppendCompressed(compressed, text.size(), ComputeSha256(text));
  ASSERT_TRUE(location.ok());
  const BlobLocation after = AppendBody(*store, noise);
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_EQ(location->size, text.size());
  EXPECT_LT(after.offset, location->offset + text.size());
  EXPECT_TRUE(Holds(*store, before, noise));
  EXPECT_TRUE(Holds(*store, *location, text));
  EXPECT_TRUE(Holds(*store, after, noise));
  EXPECT_TRUE(OpenChecked(*store, *location, ComputeSha256(text)).ok());
  EXPECT_EQ(OpenChecked(*store, *location, ComputeSha256(noise)).status().code(), Code::kCorrupt);
}

TEST(CompressionTest, WhatIsDamagedIsNotABody) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += "line " + std::to_string(i * 7919 % 1000) + "\r\n";
  }
  const std::string compressed = CompressBody(text).value();
  EXPECT_EQ(DecompressBody(compressed, text.size()).value().view(), text);
  EXPECT_EQ(DecompressBody(compressed, text.size() + 1).status().code(), Code::kCorrupt);
  EXPECT_EQ(DecompressBody(compressed, uint64_t{1} << 40).status().code(), Code::kCorrupt);
  EXPECT_EQ(DecompressBody("", 0).status().code(), Code::kCorrupt);
  for (size_t cut = 0; cut < compressed.size(); cut += 7) {
    EXPECT_FALSE(DecompressBody(compressed.substr(0, cut), text.size()).ok()) << cut;
  }
  for (size_t i = 0; i < compressed.size(); ++i) {
    std::string damaged = compressed;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    const Result<RawBuffer> body = DecompressBody(damaged, text.size());
    EXPECT_TRUE(!body.ok() || body->size() == text.size()) << i;
  }
}

TEST(BlobStore, BodiesOfAllSizesComeBackFromMemory) {
  MemoryFileSystem files;
  CheckRoundTrip(files, kDirectory);
}

TEST(BlobStore, BodiesOfAllSizesComeBackFromDisk) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  CheckRoundTrip(files, directory.path() + "/a/b");
}

TEST(BlobStore, SmallBodiesShareOneWriteAndOneSync) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  for (int i = 0; i < 1000; ++i) {
    AppendBody(*store, BodyOf(1000, 1));
  }
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_EQ(files.writes(), 1U);
  EXPECT_EQ(files.syncs(), 1U);
  EXPECT_LE(store->bytes_written(), 1100000U);
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_EQ(files.syncs(), 1U);  // Nothing new, nothing to sync.
}

TEST(BlobStore, SegmentsEndAtTheirLimitAndLargerBodiesGetTheirOwn) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files, 100000);
  const BlobLocation a = AppendBody(*store, BodyOf(60000, 1));
  const BlobLocation b = AppendBody(*store, BodyOf(60000, 2));
  const BlobLocation c = AppendBody(*store, BodyOf(300000, 3));
  const BlobLocation d = AppendBody(*store, BodyOf(10, 4));
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_LT(a.segment, b.segment);
  EXPECT_LT(b.segment, c.segment);
  EXPECT_LT(c.segment, d.segment);
  EXPECT_TRUE(Holds(*store, a, BodyOf(60000, 1)));
  EXPECT_TRUE(Holds(*store, c, BodyOf(300000, 3)));
  EXPECT_TRUE(Holds(*store, d, BodyOf(10, 4)));
}

TEST(BlobStore, ReopeningNeverAppendsToAnOldSegment) {
  MemoryFileSystem files;
  std::unique_ptr<BlobStore> store = OpenStore(files);
  const BlobLocation before = AppendBody(*store, "before");
  ASSERT_TRUE(store->Sync().ok());
  store = OpenStore(files);
  const BlobLocation after = AppendBody(*store, "after");
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_GT(after.segment, before.segment);
  EXPECT_TRUE(Holds(*store, before, "before"));
}

// Text of lines with numbers in them.
std::string TextOf(size_t size) {
  std::string text;
  for (uint64_t i = 0; text.size() < size; ++i) {
    text += "line " + std::to_string(i * 7919 % 10'007) + "\r\n";
  }
  text.resize(size);
  return text;
}

BlobStore::Writer::Finished WriteInParts(BlobStore& store, const std::string& body, size_t part,
                                         bool sized) {
  auto writer = store.Begin(sized ? std::optional<uint64_t>(body.size()) : std::nullopt);
  EXPECT_TRUE(writer.ok());
  for (size_t at = 0; at < body.size(); at += part) {
    EXPECT_TRUE((*writer)->Append(std::string_view(body).substr(at, part)).ok());
  }
  const Result<BlobStore::Writer::Finished> finished = (*writer)->Finish();
  EXPECT_TRUE(finished.ok()) << finished.status().ToString();
  EXPECT_EQ(finished->sha256, ComputeSha256(body));
  EXPECT_EQ(finished->location.size, body.size());
  // Readable at once, not only after the next sync.
  EXPECT_TRUE(Holds(store, finished->location, body));
  return *finished;
}

TEST(BlobStore, ABodyInPartsIsReadableInAnyRange) {
  for (const bool noise : {true, false}) {
    MemoryFileSystem files;
    const std::unique_ptr<BlobStore> store = OpenStore(files);
    const std::string body = noise ? BodyOf(700'001, 5) : TextOf(700'001);
    const auto finished = WriteInParts(*store, body, 4097, true);
    EXPECT_EQ(finished.compressed == 0, noise);
    ASSERT_TRUE(store->Sync().ok());
    const auto source = store->Open(finished.location, finished.sha256).value().body;
    SeededRandom random(1);
    for (int i = 0; i < 300; ++i) {
      const auto begin = static_cast<size_t>(random.Below(body.size() + 100));
      std::string range(static_cast<size_t>(random.Below(300'000)), '\0');
      const Result<size_t> got = source->ReadAt(begin, range);
      ASSERT_TRUE(got.ok());
      EXPECT_TRUE(range.substr(0, *got) == body.substr(std::min(begin, body.size()), range.size()));
    }
  }
}

TEST(BlobStore, WhatBecomesSmallerLiesInFrames) {
  const std::vector<size_t> sizes = {
      4096, 4097, kFrameBytes - 1, kFrameBytes, kFrameBytes + 1, 300'000, 5'000'000};
  MemoryFileSystem files;
  std::vector<BlobLocation> locations;
  uint64_t bytes = 0;
  {
    const auto store = OpenStore(files, 1 << 21);
    EXPECT_EQ(WriteInParts(*store, TextOf(100), 100, true).compressed, 0U);
    for (const size_t size : sizes) {
      for (const size_t part : {size_t{777}, size_t{1} << 20}) {
        for (const bool sized : {true, false}) {
          const auto finished = WriteInParts(*store, TextOf(size), part, sized);
          EXPECT_GT(finished.compressed, 0U) << size;
          EXPECT_LT(finished.compressed, size);
          locations.push_back(finished.location);
          bytes += RoundUpToBlock(finished.compressed + kBodyHeaderBytes) + kBlockBytes;
        }
      }
    }
    EXPECT_TRUE(store->Sync().ok());
    // Once, but for the block with the header, and that of each file.
    EXPECT_LE(store->bytes_written(), bytes + (locations.size() + 2) * kBlockBytes);
  }
  const auto store = OpenStore(files);
  for (size_t i = 0; i < locations.size(); ++i) {
    EXPECT_TRUE(Holds(*store, locations[i], TextOf(sizes[i / 4]))) << sizes[i / 4];
  }
}

TEST(BlobStore, ABodyReadInOrderIsCheckedBeforeItsEnd) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  const std::string body = TextOf(3'000'000);
  const BlobLocation large = WriteInParts(*store, body, 500'000, true).location;
  const BlobLocation small = AppendBody(*store, "small");
  ASSERT_TRUE(store->Sync().ok());
  const Sha256 other = ComputeSha256("other");
  for (const bool damaged : {false, true}) {
    const auto source = OpenInOrder(*store, large, damaged ? other : ComputeSha256(body)).value();
    std::string part(400'000, '\0');
    EXPECT_EQ(source->ReadAt(1, part).status().code(), Code::kInvalidArgument);
    std::string read;
    Result<size_t> got = source->ReadAt(0, part);
    for (; got.ok() && *got > 0; got = source->ReadAt(read.size(), part)) {
      read += part.substr(0, *got);
    }
    EXPECT_EQ(got.status().code(), damaged ? Code::kCorrupt : Code::kOk);
    EXPECT_TRUE(read == (damaged ? body.substr(0, 2'800'000) : body)) << read.size();
    EXPECT_LE(source->held_bytes(), body.size() / 2);
  }
  EXPECT_EQ(OpenInOrder(*store, small, other).status().code(), Code::kCorrupt);
  EXPECT_EQ(OpenInOrder(*store, small, ComputeSha256("small")).value()->size(), 5U);
}

TEST(BlobStore, AFramedBodyThatWasNotSyncedIsThereWholeOrNotAtAll) {
  int there = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    MemoryFileSystem files;
    SeededRandom random(seed);
    std::unique_ptr<BlobStore> store = OpenStore(files);
    const std::string synced = TextOf(200'000 + seed);
    const std::string lost = TextOf(300'000 + seed);
    const auto first = WriteInParts(*store, synced, 50'000, seed % 2 == 0);
    ASSERT_TRUE(store->Sync().ok());
    const auto second = WriteInParts(*store, lost, 50'000, seed % 3 == 0);
    EXPECT_EQ(first.location.segment, second.location.segment);
    store.reset();
    files.DropUnsynced(random);
    store = OpenStore(files);
    EXPECT_TRUE(Holds(*store, first.location, synced));
    const auto source = OpenChecked(*store, second.location, ComputeSha256(lost));
    there += source.ok() ? 1 : 0;
    EXPECT_TRUE(source.ok() || source.status().code() == Code::kCorrupt)
        << source.status().ToString();
  }
  EXPECT_LT(there, 100);
}

TEST(BlobStore, PartsMayBePreparedElsewhere) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  const std::string body = TextOf(1'000'000);
  const auto writer = store->Begin(body.size()).value();
  for (size_t at = 0; at < body.size(); at += 300'000) {
    Result<std::string> prepared = std::string();
    std::thread([&] { prepared = writer->Prepare(body.substr(at, 300'000)); }).join();
    ASSERT_TRUE(prepared.ok());
    ASSERT_TRUE(writer->Write(*prepared).ok());
  }
  EXPECT_EQ(writer->Prepare("x").status().code(), Code::kInvalidArgument);
  const auto finished = writer->Finish();
  ASSERT_TRUE(finished.ok());
  EXPECT_TRUE(Holds(*store, finished->location, body));
}

TEST(BlobStore, BodiesInPartsMayInterleaveAndBeGivenUp) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  std::unique_ptr<BlobStore::Writer> a = store->Begin(10).value();
  std::unique_ptr<BlobStore::Writer> b = store->Begin(600000).value();
  std::unique_ptr<BlobStore::Writer> c = store->Begin(3).value();
  const std::string large = BodyOf(600000, 9);
  ASSERT_TRUE(c->Append("ccc").ok());
  ASSERT_TRUE(b->Append(large).ok());
  ASSERT_TRUE(a->Append("aaaaa").ok());
  a.reset();
  const Result<BlobStore::Writer::Finished> b_done = b->Finish();
  const Result<BlobStore::Writer::Finished> c_done = c->Finish();
  ASSERT_TRUE(b_done.ok());
  ASSERT_TRUE(c_done.ok());
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_TRUE(Holds(*store, b_done->location, large));
  EXPECT_TRUE(Holds(*store, c_done->location, "ccc"));
}

TEST(BlobStore, ABodyInPartsMustHaveItsAnnouncedSize) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  std::unique_ptr<BlobStore::Writer> writer = store->Begin(4).value();
  ASSERT_TRUE(writer->Append("abc").ok());
  EXPECT_EQ(writer->Finish().status().code(), Code::kInvalidArgument);
  EXPECT_EQ(writer->Append("de").code(), Code::kInvalidArgument);
  ASSERT_TRUE(writer->Append("d").ok());
  EXPECT_TRUE(writer->Finish().ok());
}

BlobLocation WriteUnsized(BlobStore& store, const std::string& body) {
  Result<std::unique_ptr<BlobStore::Writer>> writer = store.Begin(std::nullopt);
  EXPECT_TRUE(writer.ok());
  for (size_t at = 0; at < body.size(); at += 100'000) {
    EXPECT_TRUE((*writer)->Append(std::string_view(body).substr(at, 100'000)).ok());
  }
  const Result<BlobStore::Writer::Finished> finished = (*writer)->Finish();
  EXPECT_TRUE(finished.ok()) << finished.status().ToString();
  EXPECT_EQ(finished->sha256, ComputeSha256(body));
  return finished->location;
}

TEST(BlobStore, ABodyInPartsNeedsNoSize) {
  MemoryFileSystem files;
  std::vector<BlobLocation> locations;
  {
    const auto store = OpenStore(files, 1 << 22);
    for (size_t i = 0; i < kSizes.size(); ++i) {
      locations.push_back(WriteUnsized(*store, BodyOf(kSizes[i], i)));
      EXPECT_EQ(locations.back().size, kSizes[i]);
    }
    EXPECT_TRUE(store->Sync().ok());
  }
  const auto store = OpenStore(files);
  for (size_t i = 0; i < kSizes.size(); ++i) {
    EXPECT_TRUE(Holds(*store, locations[i], BodyOf(kSizes[i], i))) << kSizes[i];
  }
  EXPECT_EQ(locations.front().segment, locations[5].segment);  // One after the other.
  EXPECT_NE(locations.front().segment, locations.back().segment);
}

TEST(BlobStore, BodiesWithoutSizeMayInterleaveAndBeGivenUp) {
  MemoryFileSystem files;
  const auto store = OpenStore(files);
  const std::string first = BodyOf(700'000, 1);
  const std::string second = BodyOf(400'000, 2);
  Result<std::unique_ptr<BlobStore::Writer>> a = store->Begin(std::nullopt);
  Result<std::unique_ptr<BlobStore::Writer>> b = store->Begin(std::nullopt);
  Result<std::unique_ptr<BlobStore::Writer>> given_up = store->Begin(std::nullopt);
  ASSERT_TRUE(a.ok() && b.ok() && given_up.ok());
  ASSERT_TRUE((*given_up)->Append(first).ok());
  ASSERT_TRUE((*a)->Append(first.substr(0, 300'000)).ok());
  ASSERT_TRUE((*b)->Append(second).ok());
  const BlobLocation sized = AppendBody(*store, second);
  given_up->reset();
  const auto done_b = (*b)->Finish();
  ASSERT_TRUE((*a)->Append(first.substr(300'000)).ok());
  const auto done_a = (*a)->Finish();
  ASSERT_TRUE(done_a.ok() && done_b.ok());
  const BlobLocation behind = WriteUnsized(*store, second);
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_TRUE(Holds(*store, done_a->location, first));
  EXPECT_TRUE(Holds(*store, done_b->location, second));
  EXPECT_TRUE(Holds(*store, behind, second));
  EXPECT_TRUE(Holds(*store, sized, second));
  EXPECT_EQ(behind.segment, done_a->location.segment);
}

TEST(BlobStore, ABodyWhoseSizeIsNotWrittenYetIsNotFound) {
  MemoryFileSystem files;
  const auto store = OpenStore(files);
  const std::string body = BodyOf(1 << 20, 1);
  Result<std::unique_ptr<BlobStore::Writer>> writer = store->Begin(std::nullopt);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Append(body).ok());
  ASSERT_TRUE(store->Sync().ok());
  const BlobLocation early = {.segment = 1, .offset = 4096 + 48, .size = 900'000};
  EXPECT_EQ(store->Open(early, Sha256{}).status().code(), Code::kCorrupt);
  const auto finished = (*writer)->Finish();
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->location.offset, early.offset);
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_TRUE(Holds(*store, finished->location, body));
}

TEST(BlobStore, ABodyFinishedAfterASyncIsDurableAfterTheNext) {
  MemoryFileSystem files;
  SeededRandom random(1);
  std::unique_ptr<BlobStore> store = OpenStore(files);
  std::unique_ptr<BlobStore::Writer> early = store->Begin(5).value();
  ASSERT_TRUE(store->Sync().ok());
  ASSERT_TRUE(early->Append("early").ok());
  const BlobLocation location = early->Finish().value().location;
  early.reset();
  ASSERT_TRUE(store->Sync().ok());
  store.reset();
  files.DropUnsynced(random);
  EXPECT_TRUE(Holds(*OpenStore(files), location, "early"));
}

TEST(BlobStore, WhatWasSyncedSurvivesPowerCutsAndWhatWasNotIsNeverMistaken) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryFileSystem files;
    SeededRandom random(seed);
    std::unique_ptr<BlobStore> store = OpenStore(files, 200000);
    std::vector<std::pair<BlobLocation, std::string>> synced;
    std::vector<std::pair<BlobLocation, std::string>> lost;
    for (int i = 0; i < 20; ++i) {
      const std::string body = BodyOf(random.Below(50000), seed * 100 + static_cast<uint64_t>(i));
      lost.emplace_back(AppendBody(*store, body), body);
      if (random.Chance(1, 4)) {
        ASSERT_TRUE(store->Sync().ok());
        synced.insert(synced.end(), lost.begin(), lost.end());
        lost.clear();
      }
    }
    store.reset();
    files.DropUnsynced(random);
    store = OpenStore(files, 200000);
    for (const auto& [location, body] : synced) {
      EXPECT_TRUE(Holds(*store, location, body));
    }
    for (const auto& [location, body] : lost) {
      const Result<std::unique_ptr<ByteSource>> source =
          OpenChecked(*store, location, ComputeSha256(body));
      if (source.ok()) {
        EXPECT_TRUE(ReadAll(**source) == body);
      } else {
        EXPECT_EQ(source.status().code(), Code::kCorrupt);
      }
    }
  }
}

TEST(BlobStore, AFullDiskLosesTheUnsyncedAndGoesOnOnceThereIsRoom) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  const BlobLocation first = AppendBody(*store, "first");
  ASSERT_TRUE(store->Sync().ok());
  files.SetFreeBytes(1000);
  AppendBody(*store, "second");
  const Status full = store->Sync();
  EXPECT_EQ(full.code(), Code::kDiskFull);
  EXPECT_NE(full.message().find(kDirectory), std::string::npos);
  EXPECT_EQ(store->Begin(100000).status().code(), Code::kDiskFull);
  files.SetFreeBytes(uint64_t{1} << 40);
  const BlobLocation third = AppendBody(*store, "third");
  ASSERT_TRUE(store->Sync().ok());
  EXPECT_TRUE(Holds(*store, first, "first"));
  EXPECT_TRUE(Holds(*store, third, "third"));
}

TEST(BlobStore, AFullDiskInAWriteCountsLikeOneBeforeIt) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  AppendBody(*store, "lost");
  files.FailWrite(1, Status(Code::kDiskFull, "injected"));
  EXPECT_EQ(store->Sync().code(), Code::kDiskFull);
  AppendBody(*store, "kept");
  EXPECT_TRUE(store->Sync().ok());
}

TEST(BlobStore, AfterAFailedSyncNothingIsAcknowledgedAnyMore) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  AppendBody(*store, "body");
  files.FailSync(1, Status(Code::kIo, "injected"));
  EXPECT_EQ(store->Sync().code(), Code::kIo);
  EXPECT_EQ(store->Sync().code(), Code::kIo);
  EXPECT_EQ(store->Append("more", ComputeSha256("more")).status().code(), Code::kIo);
  EXPECT_EQ(store->Begin(5).status().code(), Code::kIo);
}

TEST(BlobStore, LocationsThatHoldNoBodyAreCorrupt) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files);
  const BlobLocation good = AppendBody(*store, "0123456789");
  ASSERT_TRUE(store->Sync().ok());
  BlobLocation bad = good;
  bad.size = 11;
  EXPECT_EQ(store->Open(bad, Sha256{}).status().code(), Code::kCorrupt);
  bad = good;
  bad.offset += 1;
  EXPECT_EQ(store->Open(bad, Sha256{}).status().code(), Code::kCorrupt);
  bad = good;
  bad.segment += 7;
  EXPECT_EQ(store->Open(bad, Sha256{}).status().code(), Code::kCorrupt);
  bad = good;
  bad.offset = 0;
  EXPECT_EQ(store->Open(bad, Sha256{}).status().code(), Code::kCorrupt);
  bad.offset = UINT64_MAX;
  EXPECT_EQ(store->Open(bad, Sha256{}).status().code(), Code::kCorrupt);
}

TEST(BlobStore, BodiesAreReadOnOtherThreadsWhileMoreAreWritten) {
  MemoryFileSystem files;
  const std::unique_ptr<BlobStore> store = OpenStore(files, 1 << 20);
  const std::string body = BodyOf(100000, 1);
  std::vector<BlobLocation> locations;
  for (int i = 0; i < 20; ++i) {
    locations.push_back(AppendBody(*store, body));
  }
  ASSERT_TRUE(store->Sync().ok());
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (const BlobLocation& location : locations) {
        EXPECT_TRUE(Holds(*store, location, body));
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    AppendBody(*store, body);
    EXPECT_TRUE(store->Sync().ok());
  }
  for (std::thread& reader : readers) {
    reader.join();
  }
}

}  // namespace
}  // namespace mailhaul::store
