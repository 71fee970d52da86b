// How what is known of a message becomes the key under which its UID is remembered.
#pragma once

#include <cstdint>
#include <string_view>

#include "connectors/pop3/uidl_directory.h"

struct evp_md_ctx_st;

namespace mailhaul::pop3 {

// What a key was made from. Part of the hash, so never to be changed.
enum class KeyKind : uint8_t {
  kUniqueId = 'u',    // The unique id alone.
  kHeader = 't',      // Unique id ("" without UIDL), size, header; which of several equal ones.
  kContent = 'c',     // Unique id, all bytes; which of several equal ones.
  kUnreadable = 'x',  // Unique id, size; which of several equal ones: it could not be looked at.
  kPosition = 'p',    // The sizes of all messages up to this one.
};

// SHA-256 over parts whose ends are marked. Reusable: Begin() starts anew.
class KeyHasher final {
 public:
  KeyHasher();
  ~KeyHasher();
  KeyHasher(const KeyHasher&) = delete;
  KeyHasher& operator=(const KeyHasher&) = delete;

  void Begin(KeyKind kind);
  void AddNumber(uint64_t number);
  void AddText(std::string_view text);    // With its length.
  void AddBytes(std::string_view bytes);  // Without: the last part, in pieces of any size.
  UidlKey Finish();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace mailhaul::pop3
