// Reading and writing FlatBuffers records. Private to the store's .cc files: the only header here
// that includes FlatBuffers.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "store/key_value_store.h"

namespace mailhaul::store {

// No record nests deeper or holds more tables; the verifier refuses what does.
inline constexpr flatbuffers::uoffset_t kRecordDepthMax = 8;
inline constexpr flatbuffers::uoffset_t kRecordTablesMax = 8192;

// Bytes at an address that every field may be read from. Copies only when they lie askew.
class AlignedBytes final {
 public:
  explicit AlignedBytes(std::string_view bytes) : view_(bytes) {
    constexpr uintptr_t kAlignment = 8;
    if (reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment != 0) {
      copy_ = std::make_unique<uint64_t[]>(bytes.size() / sizeof(uint64_t) + 1);
      std::memcpy(copy_.get(), bytes.data(), bytes.size());
      view_ = {reinterpret_cast<const char*>(copy_.get()), bytes.size()};
    }
  }
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(view_.data()); }
  size_t size() const { return view_.size(); }

 private:
  std::string_view view_;
  std::unique_ptr<uint64_t[]> copy_;
};

// The root table, or null when the bytes are not a valid record of type T.
template <typename T>
const T* VerifiedRoot(const AlignedBytes& bytes, const char* identifier) {
  // Shorter than any record: the verifier itself reads the identifier unchecked.
  if (bytes.size() <
          flatbuffers::FlatBufferBuilder::kFileIdentifierLength + sizeof(flatbuffers::uoffset_t) ||
      bytes.size() > kValueBytesMax) {
    return nullptr;
  }
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kRecordDepthMax, kRecordTablesMax);
  if (!verifier.VerifyBuffer<T>(identifier)) {
    return nullptr;
  }
  return flatbuffers::GetRoot<T>(bytes.data());
}

inline std::string TextOf(const flatbuffers::String* text) {
  return text == nullptr ? std::string() : text->str();
}

inline std::string TakeRecord(const flatbuffers::FlatBufferBuilder& builder) {
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

inline flatbuffers::Offset<flatbuffers::String> PutText(flatbuffers::FlatBufferBuilder& builder,
                                                        std::string_view text) {
  // Absent fields cost nothing.
  return text.empty() ? flatbuffers::Offset<flatbuffers::String>()
                      : builder.CreateString(text.data(), text.size());
}

}  // namespace mailhaul::store
