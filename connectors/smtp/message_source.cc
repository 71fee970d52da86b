#include "connectors/smtp/message_source.h"

#include <vector>

#include "connectors/smtp/limits.h"

namespace mailhaul::smtp {

Result<MessageFacts> ScanMessage(const ByteSource& bytes) {
  MessageScanner scanner;
  std::vector<char> block(kDataBlockBytes);
  for (uint64_t offset = 0;;) {
    MH_ASSIGN_OR_RETURN(const size_t taken, bytes.ReadAt(offset, block));
    if (taken == 0) {
      return scanner.Finish();
    }
    scanner.Append(std::string_view(block.data(), taken));
    offset += taken;
  }
}

net::Task<Result<size_t>> ByteMessageSource::Read(std::span<char> out) {
  Result<size_t> taken = bytes_.ReadAt(offset_, out);
  offset_ += taken.ok() ? *taken : 0;
  co_return taken;
}

}  // namespace mailhaul::smtp
