#include <algorithm>
#include <string>
#include <utility>

#include "connectors/pop3/arrival_date.h"
#include "connectors/pop3/commands.h"
#include "connectors/pop3/for_each.h"
#include "connectors/pop3/pop3_session.h"

namespace mailhaul::pop3 {
namespace {

// Of a header, the fields that tell when it arrived stand at the top.
constexpr size_t kArrivalBytesMax = 64 * 1024;

ForEachCommand TopCommand(const ServerTraits& traits) {
  ForEachCommand command;
  command.verb = "TOP";
  command.suffix = " 0";
  command.body = Body::kData;
  // Some servers send the whole message.
  command.body_bytes_max = traits.body_bytes_max * kDrainFactor;
  command.pipelined = traits.pipelined;
  command.until_refused = traits.top == TopSupport::kUnknown;
  return command;
}

// Collects one answer after the other, up to a limit.
class TopSink : public AnswerSink {
 public:
  explicit TopSink(size_t bytes_max) : bytes_max_(bytes_max) {}

  void OnBegin(size_t /*index*/, const StatusLine& /*status*/) override {
    known_ = true;
    text_.clear();
    cut_ = false;
  }
  void OnData(size_t /*index*/, std::string_view bytes) override {
    cut_ = cut_ || bytes.size() > bytes_max_ - text_.size();
    text_ += bytes.substr(0, bytes_max_ - text_.size());
  }
  void OnRefused(size_t /*index*/) override { refused_ = true; }

  // What the first answers say of the server.
  void Tell(ServerTraits* traits) const {
    if (traits->top == TopSupport::kUnknown && (known_ || refused_)) {
      traits->top = known_ ? TopSupport::kYes : TopSupport::kNo;
    }
  }

 protected:
  const std::string& text() const { return text_; }
  bool cut() const { return cut_; }

 private:
  const size_t bytes_max_;
  std::string text_;
  bool cut_ = false;
  bool known_ = false;
  bool refused_ = false;
};

class ArrivalSink final : public TopSink {
 public:
  explicit ArrivalSink(WallTime since) : TopSink(kArrivalBytesMax), since_(since) {}

  // From the newest backwards: what an earlier search learned counts.
  void Add(ListedMessage* message) {
    if (message->looked_at) {
      Count(*message);
    } else {
      messages_.push_back(message);
    }
  }
  std::vector<uint32_t> Numbers() const {
    std::vector<uint32_t> numbers;
    for (const ListedMessage* message : messages_) {
      numbers.push_back(message->number);
    }
    return numbers;
  }
  void OnEnd(size_t index) override {
    messages_[index]->looked_at = true;
    messages_[index]->arrival = ArrivalDate(text()).value_or(WallTime());
    Count(*messages_[index]);
  }
  void OnRefused(size_t index) override {
    TopSink::OnRefused(index);
    messages_[index]->looked_at = true;
    Count(*messages_[index]);
  }
  bool done() const override { return before_in_a_row_ >= kBeforeWindowRun; }

 private:
  void Count(const ListedMessage& message) {
    const bool before = message.arrival != WallTime() && message.arrival < since_;
    before_in_a_row_ = before ? before_in_a_row_ + 1 : 0;
  }

  const WallTime since_;
  std::vector<ListedMessage*> messages_;
  size_t before_in_a_row_ = 0;
};

// The header with the empty line behind it; all of `text` if it has none.
std::string_view HeaderOf(std::string_view text) {
  for (const std::string_view end : {std::string_view("\r\n\r\n"), std::string_view("\n\n")}) {
    const size_t at = text.find(end);
    if (at != std::string_view::npos) {
      return text.substr(0, at + end.size());
    }
  }
  return text;
}

class HeaderForwarder final : public TopSink {
 public:
  HeaderForwarder(std::vector<Uid> uids, HeaderSink& sink)
      : TopSink(kHeaderBytesMax), uids_(std::move(uids)), sink_(sink) {}

  void OnEnd(size_t index) override {
    const std::string_view header = HeaderOf(text());
    if (!cut() || header.size() < text().size()) {
      sink_.OnHeader(uids_[index], header);
    }
  }

 private:
  const std::vector<Uid> uids_;
  HeaderSink& sink_;
};

// From message `first` on, those that are not known to be older.
UidSet InWindow(const std::vector<ListedMessage>& messages, WallTime since, size_t first) {
  UidSet uids;
  for (size_t i = first; i < messages.size(); ++i) {
    if (messages[i].arrival == WallTime() || messages[i].arrival >= since) {
      uids.Add(messages[i].uid);
    }
  }
  return uids;
}

}  // namespace

net::Task<Result<UidSet>> FindWindow(Connection& connection, ServerTraits& traits, WallTime since,
                                     Maildrop& maildrop) {
  std::vector<ListedMessage>& messages = maildrop.messages();
  if (traits.top == TopSupport::kNo) {
    co_return UidSet(maildrop.uids());
  }
  ArrivalSink sink(since);
  for (auto it = messages.rbegin(); it != messages.rend() && !sink.done(); ++it) {
    sink.Add(&*it);
  }
  const std::vector<uint32_t> numbers = sink.Numbers();
  CO_RETURN_IF_ERROR(ForEachMessage(connection, TopCommand(traits), numbers, sink));
  sink.Tell(&traits);
  if (traits.top == TopSupport::kNo) {
    co_return UidSet(maildrop.uids());
  }
  size_t first = 0;
  if (sink.done()) {
    const auto oldest = std::find_if(messages.begin(), messages.end(),
                                     [](const ListedMessage& m) { return m.looked_at; });
    first = static_cast<size_t>(oldest - messages.begin());
  }
  co_return InWindow(messages, since, first);
}

net::Task<Status> FetchMessageHeaders(Connection& connection, ServerTraits& traits,
                                      const UidSet& uids, Maildrop& maildrop, HeaderSink& sink) {
  std::vector<uint32_t> numbers;
  std::vector<Uid> asked;
  for (const ListedMessage& message : maildrop.messages()) {
    if (uids.Contains(message.uid)) {
      numbers.push_back(message.number);
      asked.push_back(message.uid);
    }
  }
  if (traits.top != TopSupport::kNo) {
    HeaderForwarder forwarder(std::move(asked), sink);
    CO_RETURN_IF_ERROR(ForEachMessage(connection, TopCommand(traits), numbers, forwarder));
    forwarder.Tell(&traits);
  }
  co_return traits.top == TopSupport::kNo
      ? Status(Code::kServerRefused, "the server cannot give headers alone (TOP)")
      : Status::Ok();
}

}  // namespace mailhaul::pop3
