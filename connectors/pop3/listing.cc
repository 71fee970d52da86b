#include "connectors/pop3/listing.h"

#include <algorithm>
#include <charconv>

#include "connectors/pop3/pop3_session.h"

namespace mailhaul::pop3 {
namespace {

void SkipSpace(std::string_view* line) {
  line->remove_prefix(std::min(line->find_first_not_of(" \t"), line->size()));
}

// Digits that end at a space or at the end of the line.
template <typename Number>
bool TakeNumber(std::string_view* line, Number* number) {
  const char* const end = line->data() + line->size();
  const auto [rest, error] = std::from_chars(line->data(), end, *number);
  if (error != std::errc() || (rest != end && *rest != ' ' && *rest != '\t')) {
    return false;
  }
  line->remove_prefix(static_cast<size_t>(rest - line->data()));
  SkipSpace(line);
  return true;
}

}  // namespace

bool ParseSizeLine(std::string_view line, SizeLine* out) {
  SkipSpace(&line);
  return TakeNumber(&line, &out->number) && out->number > 0 && TakeNumber(&line, &out->size);
}

bool ParseUniqueIdLine(std::string_view line, UniqueIdLine* out) {
  SkipSpace(&line);
  if (!TakeNumber(&line, &out->number) || out->number == 0) {
    return false;
  }
  // Some servers have spaces within; all behind the number is the id.
  line = line.substr(0, line.find_last_not_of(" \t") + 1);
  const bool usable =
      line.size() <= kUniqueIdBytesMax &&
      std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < '\x7F'; });
  out->unique_id = usable ? line : std::string_view();
  return true;
}

}  // namespace mailhaul::pop3
