// From whom and to whom a message goes, apart from its own header fields.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mailhaul::smtp {

// Bits of EnvelopeRecipient::notify (RFC 3461 section 4.1). 0: the server's custom.
inline constexpr uint8_t kNotifyNever = 1;  // Alone.
inline constexpr uint8_t kNotifySuccess = 2;
inline constexpr uint8_t kNotifyFailure = 4;
inline constexpr uint8_t kNotifyDelay = 8;

struct EnvelopeRecipient {
  std::string address;  // address.h
  uint8_t notify = 0;
  std::string original;  // ORCPT: the address that this one came from; "": not told.
};

enum class ReturnContent : uint8_t { kDefault, kFull, kHeaders };

// Notify, original, returned content and id are told to servers with DSN only, silently not to
// others.
struct Envelope {
  std::string from;                           // "": the null path of bounces.
  std::vector<EnvelopeRecipient> recipients;  // 1 to kRecipientsMax.
  ReturnContent returned = ReturnContent::kDefault;
  std::string id;  // ENVID, comes back in delivery reports; printable ASCII, "": none.
};

}  // namespace mailhaul::smtp
