#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

class SearchHandler final : public UntaggedHandler {
 public:
  explicit SearchHandler(uint32_t messages) : messages_(messages) {}

  Status OnUntagged(const Response& response) override {
    if (response.kind == ResponseKind::kSearch) {
      uids_.AddAll(response.uids);
    } else if (response.kind == ResponseKind::kExists) {
      messages_ = std::max(messages_, response.number);
    }
    return {};
  }

  Result<UidSet> Finish() {
    // A range of four billion costs a hostile server ten bytes and us days. Servers that count a
    // little differently from what they list are real.
    if (uids_.size() > uint64_t{messages_} * 2 + kSurplusUidsMax) {
      return Status(Code::kProtocol, "the server lists " + std::to_string(uids_.size()) +
                                         " UIDs in a folder of " + std::to_string(messages_) +
                                         " messages");
    }
    return std::move(uids_);
  }

 private:
  uint32_t messages_;
  UidSet uids_;
};

// RFC 9051 date: "1-Feb-2024". One day less than `since`: the server compares local dates.
std::string SearchDate(WallTime since) {
  constexpr std::array<const char*, 12> kNames = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(since) -
                                         std::chrono::days(1));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%u-%s-%04d", static_cast<unsigned>(date.day()),
                kNames[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()));
  return text.data();
}

}  // namespace

net::Task<Result<UidSet>> SearchUids(Connection& connection, const Capabilities& capabilities,
                                     std::optional<WallTime> since, uint32_t messages) {
  std::string text = "UID SEARCH ";
  if (capabilities.Has("ESEARCH") || capabilities.Has("IMAP4REV2")) {
    text += "RETURN (ALL) ";
  }
  text += since ? "SINCE " + SearchDate(*since) : "ALL";
  EncodedCommand command = PlainCommand(connection.NextTag(), text);
  SearchHandler handler(messages);
  CO_TRY(const Response done, connection.Run(std::move(command), handler));
  if (done.condition != Condition::kOk) {
    co_return ClassifyRefusal(done, "UID SEARCH", Code::kServerRefused);
  }
  co_return handler.Finish();
}

}  // namespace mailhaul::imap
