#include <utility>

#include "connectors/pop3/commands.h"
#include "connectors/pop3/for_each.h"
#include "connectors/pop3/listing.h"
#include "connectors/pop3/listing_commands.h"
#include "connectors/pop3/pop3_session.h"

namespace mailhaul::pop3 {
namespace {

// "+OK number size".
class SizeSink final : public AnswerSink {
 public:
  explicit SizeSink(std::vector<ListedMessage*> messages) : messages_(std::move(messages)) {}

  void OnBegin(size_t index, const StatusLine& status) override {
    SizeLine line;
    const bool right = ParseSizeLine(status.text, &line) && line.number == messages_[index]->number;
    messages_[index]->size = right ? line.size : 0;
  }
  void OnRefused(size_t index) override { messages_[index]->size = 0; }

 private:
  const std::vector<ListedMessage*> messages_;
};

net::Task<Status> ListAll(Connection& connection, Maildrop& maildrop) {
  CO_TRY(const std::vector<NumberedSize> listed, ListSizes(connection));
  for (const NumberedSize& entry : listed) {
    if (ListedMessage* const message = maildrop.FindNumber(entry.number)) {
      message->size = entry.size;
    }
  }
  for (ListedMessage& message : maildrop.messages()) {
    message.size = message.size.value_or(0);
  }
  co_return Status::Ok();
}

}  // namespace

net::Task<Status> FetchSizes(Connection& connection, const ServerTraits& traits, const UidSet& uids,
                             Maildrop& maildrop) {
  std::vector<ListedMessage*> unknown;
  std::vector<uint32_t> numbers;
  for (ListedMessage& message : maildrop.messages()) {
    if (!message.size.has_value() && uids.Contains(message.uid)) {
      unknown.push_back(&message);
      numbers.push_back(message.number);
    }
  }
  const size_t single_max = traits.pipelined ? kSingleListMax : 1;
  if (numbers.size() > single_max) {
    co_return co_await ListAll(connection, maildrop);
  }
  ForEachCommand command;
  command.verb = "LIST";
  command.pipelined = traits.pipelined;
  SizeSink sink(std::move(unknown));
  co_return co_await ForEachMessage(connection, command, numbers, sink);
}

}  // namespace mailhaul::pop3
