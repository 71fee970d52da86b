// Power cuts, failing calls and full disks under RocksDB and the segments at once: what the store
// acknowledged is there afterwards, whole and once, and the audit finds nothing.
//
// MAILHAUL_LONG=1 makes 5,000 cuts and fails every single operation; MAILHAUL_SEED repeats a run:
// its work and the operations at which the disk fails. RocksDB's own threads may take turns in
// another order.
#include <cstdlib>
#include <iostream>

#include "tests/store/power_workload.h"
#include "tests/support/sanitized.h"

namespace mailhaul::store {
namespace {

bool IsLong() {
  const char* value = std::getenv("MAILHAUL_LONG");  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && std::string_view(value) == "1";
}

uint64_t FirstSeed() {
  const char* value = std::getenv("MAILHAUL_SEED");  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? 1 : std::strtoull(value, nullptr, 10);
}

// From one operation to some hundreds, in every order of magnitude.
uint64_t SomeOperations(Random& random) {
  return 1 + random.Below(uint64_t{1} << random.Below(10));
}

struct CutCounts {
  uint64_t cuts = 0;
  uint64_t in_opening = 0;
  uint64_t in_steps = 0;
  uint64_t steps = 0;
};

class PowerRun final {
 public:
  PowerRun(uint64_t seed, CutCounts& counts)
      : random_(seed * 2), work_(store_, seed * 2 + 1), counts_(counts) {}

  void Run(int cuts) {
    for (int cut = 0; cut < cuts && !::testing::Test::HasFailure(); ++cut) {
      SCOPED_TRACE("cut " + std::to_string(cut));
      LiveAndDie();
    }
    SCOPED_TRACE("after the last cut");
    Finish();
    counts_.steps += work_.steps();
  }

 private:
  static constexpr int kStepsMax = 80;

  void LiveAndDie() {
    const bool early = random_.Chance(1, 3);
    if (early) {
      store_.files().FreezeAt(SomeOperations(random_));
    }
    Status status = store_.Open();
    if (status.ok() && !early) {
      store_.files().FreezeAt(SomeOperations(random_));
    }
    counts_.in_opening += status.ok() ? 0 : 1;
    if (status.ok()) {
      status = work_.Resume();
      for (int step = 0; step < kStepsMax && status.ok() && !store_.files().frozen(); ++step) {
        status = work_.Step();
      }
      counts_.in_steps += status.ok() ? 0 : 1;
    }
    EXPECT_TRUE(status.ok() || store_.files().frozen()) << status.ToString();
    EXPECT_TRUE(status.ok() || status.code() == Code::kIo) << status.ToString();
    if (random_.Chance(1, 4)) {
      if (!store_.files().frozen()) {
        store_.files().FreezeAt(SomeOperations(random_));
      }
      store_.Close();  // The power goes while it ends, or has gone.
    }
    store_.LosePower(random_);
    ++counts_.cuts;
  }

  void Finish() {
    constexpr int kSteps = 3;
    for (int round = 0; round < 2 && !::testing::Test::HasFailure(); ++round) {
      Status status = store_.Open();
      ASSERT_TRUE(status.ok()) << status.ToString();
      status = work_.Resume();
      for (int step = 0; step < kSteps && status.ok(); ++step) {
        status = work_.Step();
      }
      ASSERT_TRUE(status.ok()) << status.ToString();
      work_.ExpectAll();
      store_.Close();  // As a process ends that was asked to.
    }
  }

  SeededRandom random_;
  PowerStore store_;
  PowerWorkload work_;
  CutCounts& counts_;
};

TEST(PowerCut, LosesNothingAcknowledgedAndDoublesNothing) {
  constexpr int kCutsPerStore = 10;
  const int cuts = IsLong() ? 5000 : 200 / test_support::kRoundsShare;
  CutCounts counts;
  for (int i = 0; i < cuts / kCutsPerStore && !::testing::Test::HasFailure(); ++i) {
    const uint64_t seed = FirstSeed() + static_cast<uint64_t>(i);
    SCOPED_TRACE("MAILHAUL_SEED=" + std::to_string(seed));
    PowerRun(seed, counts).Run(kCutsPerStore);
  }
  std::cout << "MAILHAUL_SEED=" << FirstSeed() << ": " << counts.cuts << " power cuts, "
            << counts.in_opening << " while opening, " << counts.in_steps << " in one of "
            << counts.steps << " steps\n";
}

// A short workload, whose n-th operation fails for every n.
class FailingDisk {
 public:
  static constexpr uint64_t kSeed = 5;
  static constexpr int kSteps = 14;

  explicit FailingDisk(uint64_t reserve = 0) : store_(reserve), work_(store_, kSeed) {}

  Status Open() {
    MH_RETURN_IF_ERROR(store_.Open());
    return work_.Resume();
  }
  Status RunOn(uint64_t steps = kSteps) {
    while (work_.steps() < steps) {
      MH_RETURN_IF_ERROR(work_.Step());
    }
    return Status::Ok();
  }
  Status Run() {
    MH_RETURN_IF_ERROR(Open());
    return RunOn();
  }
  // The rest of the workload goes through, and all of it survives.
  void ExpectTheRest() {
    Status status = work_.Repeat();
    if (status.ok()) {
      status = RunOn();
    }
    ASSERT_TRUE(status.ok()) << status.ToString();
    work_.ExpectAll();
    SeededRandom random(kSeed);
    store_.LosePower(random);
    status = Open();
    ASSERT_TRUE(status.ok()) << status.ToString();
    work_.ExpectAll();
  }

  PowerStore store_;
  PowerWorkload work_;
};

// Calls `fail` with every n, or in short runs with some.
template <typename Fail>
void ForOperations(const Fail& fail) {
  FailingDisk sound;
  ASSERT_TRUE(sound.Run().ok());
  sound.ExpectTheRest();
  const uint64_t operations = sound.store_.files().operations();
  const uint64_t stride = IsLong() ? 1 : 1 + operations / (60 / test_support::kRoundsShare);
  for (uint64_t nth = 1; nth <= operations && !::testing::Test::HasFailure(); nth += stride) {
    SCOPED_TRACE("operation " + std::to_string(nth) + " of " + std::to_string(operations));
    FailingDisk disk;
    fail(disk, nth);
  }
}

TEST(FailingDiskTest, AnErrorOfTheDiskIsReportedAndNothingAcknowledgedIsLost) {
  ForOperations([](FailingDisk& disk, uint64_t nth) {
    disk.store_.files().FailOperations(nth, 1, Status(Code::kIo, "injected"));
    const Status status = disk.Run();
    EXPECT_TRUE(status.ok() || status.code() == Code::kIo) << status.ToString();
    disk.store_.files().ClearFailures();
    if (nth % 2 == 0) {
      SeededRandom random(nth);
      disk.store_.LosePower(random);
    } else {
      disk.store_.Close();
    }
    const Status opened = disk.Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    disk.ExpectTheRest();
  });
}

TEST(FailingDiskTest, AFullDiskIsReportedAndNothingAcknowledgedIsLost) {
  ForOperations([](FailingDisk& disk, uint64_t nth) {
    disk.store_.files().FailOperations(nth, UINT64_MAX, Status(Code::kDiskFull, "injected"));
    Status status = disk.Run();
    EXPECT_TRUE(status.ok() || status.code() == Code::kDiskFull) << status.ToString();
    disk.store_.files().ClearFailures();
    // RocksDB resumes from most of it, but not where it found no room for a new log.
    disk.store_.Close();
    status = disk.Open();
    ASSERT_TRUE(status.ok()) << status.ToString();
    disk.ExpectTheRest();
  });
}

TEST(FailingDiskTest, BelowItsReserveTheStoreWaitsAndWithRoomAgainGoesOnByItself) {
  constexpr uint64_t kReserve = uint64_t{32} << 20;
  for (uint64_t steps = 0; steps + 1 < FailingDisk::kSteps && !::testing::Test::HasFailure();
       ++steps) {
    SCOPED_TRACE("after step " + std::to_string(steps));
    FailingDisk disk(kReserve);
    ASSERT_TRUE(disk.Open().ok());
    ASSERT_TRUE(disk.RunOn(steps).ok());
    disk.store_.files().SetFreeBytes(kReserve - 1);
    Status status = disk.RunOn();
    for (int again = 0; again < 3; ++again) {
      EXPECT_EQ(status.code(), Code::kDiskFull) << status.ToString();
      disk.store_.ExpectSound();  // Reading goes on.
      status = disk.work_.Repeat();
    }
    disk.store_.files().SetFreeBytes(kReserve * 100);
    disk.ExpectTheRest();
  }
}

}  // namespace
}  // namespace mailhaul::store
