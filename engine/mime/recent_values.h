// What the last short header values were read as. Most mail of a mailbox is addressed alike and
// made of the same few types of parts. Of one thread. Private to gmime_values.cc.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace mailhaul::mime {

// Longer ones are not kept: they are rare, and senders choose them.
inline constexpr size_t kRecentBytesMax = 256;

template <typename Value, size_t kPlaces>
class RecentValues final {
 public:
  // Null: it was not among the last, or is too long. Valid until the next Keep().
  const Value* Find(std::string_view raw) const {
    if (raw.size() > kRecentBytesMax) {
      return nullptr;
    }
    const Place& place = places_[PlaceOf(raw)];
    return place.used && place.raw == raw ? &place.value : nullptr;
  }

  void Keep(std::string_view raw, Value value) {
    if (raw.size() > kRecentBytesMax) {
      return;
    }
    Place& place = places_[PlaceOf(raw)];
    place.used = false;  // Until all of it is there: memory may run out in between.
    place.value = std::move(value);
    place.raw = raw;
    place.used = true;
  }

 private:
  struct Place {
    bool used = false;
    std::string raw;
    Value value;
  };

  static size_t PlaceOf(std::string_view raw) {
    return std::hash<std::string_view>()(raw) % kPlaces;
  }

  std::array<Place, kPlaces> places_;
};

}  // namespace mailhaul::mime
