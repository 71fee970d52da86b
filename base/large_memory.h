// An allocator for large tables that are read at random. Blocks of 2 MiB or more begin on a huge
// page and ask for huge pages, so that a read in them seldom waits for the address translation as
// well; what the system does not grant is ordinary memory. Smaller blocks are ordinary anyway.
//
// Thread: as the standard allocator. Throws std::bad_alloc.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace mailhaul {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

template <typename T>
class LargeMemory {
 public:
  using value_type = T;

  LargeMemory() = default;
  template <typename U>
  explicit(false) LargeMemory(const LargeMemory<U>& /*other*/) {}

  T* allocate(size_t count) {
    const size_t bytes = count * sizeof(T);
    if (bytes < kHugePageBytes) {
      return static_cast<T*>(::operator new(bytes, kSmall));
    }
    void* const memory = ::operator new(bytes, kLarge);
    static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) {
    const size_t bytes = count * sizeof(T);
    const std::align_val_t alignment = bytes < kHugePageBytes ? kSmall : kLarge;
#ifdef __cpp_sized_deallocation
    ::operator delete(memory, bytes, alignment);
#else  // clang before 19 does not declare that form.
    ::operator delete(memory, alignment);
#endif
  }

  friend bool operator==(const LargeMemory& /*a*/, const LargeMemory& /*b*/) { return true; }

 private:
  static constexpr std::align_val_t kSmall{64};  // A cache line.
  static constexpr std::align_val_t kLarge{kHugePageBytes};
};

}  // namespace mailhaul
