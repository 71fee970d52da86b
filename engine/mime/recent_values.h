// What the last short header values were read as. Most mail of a mailbox is addressed alike and
// made of the same few types of parts. Of one thread. Private to gmime_values.cc.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace mailhaul::mime {

template <typename Value, size_t kPlaces>
class RecentValues final {
 public:
  // Longer ones are not kept: they are rare, and senders choose them.
  static constexpr size_t kRawBytesMax = 256;

  // What `raw` was read as, by `read` now or before. Valid until the next call.
  template <typename Read>
  const Value& Get(std::string_view raw, const Read& read) {
    if (raw.size() > kRawBytesMax) {
      unkept_ = read();
      return unkept_;
    }
    Place& place = places_[std::hash<std::string_view>()(raw) % kPlaces];
    if (!place.used || place.raw != raw) {
      place.value = read();
      place.raw = raw;
      place.used = true;
    }
    return place.value;
  }

 private:
  struct Place {
    bool used = false;
    std::string raw;
    Value value;
  };

  std::array<Place, kPlaces> places_;
  Value unkept_;
};

}  // namespace mailhaul::mime
