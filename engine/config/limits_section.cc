#include "engine/config/limits_section.h"

#include "engine/config/map_reader.h"

namespace mailhaul::config {
namespace {

constexpr Bounds<uint32_t> kCount = {1, 10'000};
constexpr Bounds<uint64_t> kBytesPerDay = {uint64_t{1} << 20, uint64_t{1} << 50};

void ReadCount(const MapReader& reader, std::string_view key, std::optional<uint32_t>& out) {
  uint32_t value = 0;
  if (reader.Integer(key, kCount, value)) {
    out = value;
  }
}

void ReadBytes(const MapReader& reader, std::string_view key, std::optional<uint64_t>& out) {
  uint64_t value = 0;
  if (reader.ByteSize(key, kBytesPerDay, value)) {
    out = value;
  }
}

}  // namespace

PartialLimits ReadLimits(const Node& node, std::string_view what, Report& report) {
  const MapReader reader(node, what,
                         {{"connections", "connections_per_mailbox", "logins_per_second",
                           "bytes_per_day", "mailbox_bytes_per_day", "pop3_mailbox_bytes_per_day"}},
                         report);
  PartialLimits limits;
  ReadCount(reader, "connections", limits.connections);
  ReadCount(reader, "connections_per_mailbox", limits.connections_per_mailbox);
  ReadCount(reader, "logins_per_second", limits.logins_per_second);
  ReadBytes(reader, "bytes_per_day", limits.bytes_per_day);
  ReadBytes(reader, "mailbox_bytes_per_day", limits.mailbox_bytes_per_day);
  ReadBytes(reader, "pop3_mailbox_bytes_per_day", limits.pop3_mailbox_bytes_per_day);
  return limits;
}

}  // namespace mailhaul::config
