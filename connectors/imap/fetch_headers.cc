#include "connectors/imap/commands.h"
#include "connectors/imap/fetch_pipeline.h"

namespace mailhaul::imap {
namespace {

class HeaderHandler final : public FetchHandler {
 public:
  explicit HeaderHandler(HeaderSink& sink) : sink_(sink) {}

  net::Task<Status> OnBody(Connection& connection) override {
    header_.clear();
    collected_ = connection.response().fetch.section == BodySection::kHeader &&
                 connection.body_left() <= kHeaderBytesMax;
    if (!collected_) {
      co_return co_await connection.SkipBody();
    }
    while (connection.body_left() > 0) {
      CO_TRY(const std::string_view chunk, connection.ReadBody());
      header_ += chunk;
    }
    co_return Status::Ok();
  }

  // Only with the end of its response a header is whole, and its UID known.
  Status OnFetch(const FetchEntry& fetch) override {
    if (fetch.section != BodySection::kHeader || delivered_.Contains(fetch.uid)) {
      return {};
    }
    if (fetch.body == BodyState::kStreamed && collected_) {
      Deliver(fetch.uid, header_);
    } else if (fetch.body == BodyState::kInline) {
      Deliver(fetch.uid, fetch.inline_body);
    }
    collected_ = false;
    return {};
  }
  void OnRefused(Uid /*uid*/) override {}

 private:
  void Deliver(Uid uid, std::string_view header) {
    delivered_.Add(uid);
    sink_.OnHeader(uid, header);
  }

  HeaderSink& sink_;
  std::string header_;
  bool collected_ = false;  // header_ belongs to the response at hand.
  UidSet delivered_;
};

}  // namespace

net::Task<Status> FetchMessageHeaders(Connection& connection, const UidSet& uids, HeaderSink& sink,
                                      size_t set_bytes_max) {
  FetchPlan plan;
  plan.items = "(UID BODY.PEEK[HEADER])";
  plan.messages_max = kHeaderMessagesMax;
  plan.set_bytes_max = set_bytes_max;
  HeaderHandler handler(sink);
  co_return co_await FetchAll(connection, uids, plan, handler);
}

}  // namespace mailhaul::imap
