// Feeds a parser in pieces and writes down what it says, for comparisons.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/imap/response_parser.h"

namespace mailhaul::imap {

inline std::string DescribeFetch(const FetchEntry& fetch) {
  std::string text = " seq=" + std::to_string(fetch.sequence) + " uid=" + std::to_string(fetch.uid);
  text += fetch.flags ? " flags=" + std::to_string(*fetch.flags) : "";
  for (const std::string& keyword : fetch.keywords) {
    text += " keyword=" + keyword;
  }
  text += fetch.internal_date
              ? " date=" + std::to_string(fetch.internal_date->time_since_epoch().count())
              : "";
  text += fetch.size ? " size=" + std::to_string(*fetch.size) : "";
  text += " modseq=" + std::to_string(fetch.modseq) + " ids=" + fetch.email_id + "|" +
          fetch.thread_id + " section=" + std::to_string(static_cast<int>(fetch.section));
  for (const std::string& label : fetch.labels.value_or(std::vector<std::string>())) {
    text += " label=" + label;
  }
  text += " body=" + std::to_string(static_cast<int>(fetch.body)) + fetch.inline_body;
  return text;
}

inline std::string Describe(const Response& response) {
  std::string text = "kind=" + std::to_string(static_cast<int>(response.kind));
  text += " condition=" + std::to_string(static_cast<int>(response.condition));
  text += " tag=" + response.tag + " code=" + response.code.name + "|" + response.code.arguments +
          " text=" + response.text + " number=" + std::to_string(response.number) +
          " uids=" + response.uids.ToSequenceSet() + " mailbox=" + response.list.mailbox +
          response.status.mailbox;
  text += response.earlier ? " earlier" : "";
  text += " modseq=" + std::to_string(response.status.modseq) +
          " unseen=" + std::to_string(response.status.unseen.value_or(0));
  for (const NamespaceEntry& entry : response.namespaces) {
    text += " namespace=" + std::to_string(static_cast<int>(entry.kind)) + entry.prefix;
  }
  for (const std::string& capability : response.capabilities) {
    text += " " + capability;
  }
  for (const std::string& attribute : response.list.attributes) {
    text += " " + attribute;
  }
  return response.kind == ResponseKind::kFetch ? text + DescribeFetch(response.fetch) : text;
}

// The parser's account of `pieces`, bodies included; ends in "FAILED" after a failure.
class ParserTrace final {
 public:
  void Feed(std::string_view piece) {
    while (!failed_) {
      if (body_left_ > 0) {
        const auto bytes = static_cast<size_t>(std::min<uint64_t>(body_left_, piece.size()));
        trace_ += piece.substr(0, bytes);
        piece.remove_prefix(bytes);
        body_left_ -= bytes;
        if (body_left_ > 0) {
          return;
        }
      }
      const Result<ResponseParser::Event> event = parser_.Next(&piece);
      if (!event.ok()) {
        failed_ = true;
        failure_ = event.status();
        trace_ += "FAILED";
        return;
      }
      if (*event == ResponseParser::Event::kNeedMore) {
        return;
      }
      if (*event == ResponseParser::Event::kBody) {
        body_left_ = parser_.body_bytes();
        trace_ += "BODY uid=" + std::to_string(parser_.response().fetch.uid) + " ";
      } else {
        trace_ += Describe(parser_.response()) + "\n";
      }
    }
  }
  const std::string& text() const { return trace_; }
  bool failed() const { return failed_; }
  const Status& failure() const { return failure_; }
  const ResponseParser& parser() const { return parser_; }

 private:
  ResponseParser parser_;
  uint64_t body_left_ = 0;
  bool failed_ = false;
  Status failure_;
  std::string trace_;
};

}  // namespace mailhaul::imap
