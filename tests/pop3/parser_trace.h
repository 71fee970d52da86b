// Feeds a parser in pieces and writes down what it says, for comparisons.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/pop3/response_parser.h"

namespace mailhaul::pop3 {

// The parser's account of a conversation whose answers have the bodies of `expected`, in turn (and
// none after the last); ends in "FAILED" after a failure.
class ParserTrace final {
 public:
  explicit ParserTrace(std::vector<Body> expected) : expected_(std::move(expected)) { Expect(); }

  void Feed(std::string_view piece) {
    while (!failed_) {
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
      Note(*event);
    }
  }
  const std::string& text() const { return trace_; }
  const std::string& data() const { return data_; }  // Of all messages, one after the other.
  bool failed() const { return failed_; }
  const Status& failure() const { return failure_; }
  const ResponseParser& parser() const { return parser_; }

 private:
  void Expect() {
    parser_.Expect(answers_ < expected_.size() ? expected_[answers_] : Body::kNone);
    ++answers_;
  }
  void Note(ResponseParser::Event event) {
    const StatusLine& status = parser_.status();
    switch (event) {
      case ResponseParser::Event::kStatus:
        trace_ += "status " + std::to_string(static_cast<int>(status.kind)) + " [" + status.code +
                  "] " + status.text + "\n";
        // A negative answer has no body: the next one is another answer.
        Expect();
        break;
      case ResponseParser::Event::kLine:
        trace_ += "line " + std::string(parser_.line()) + "\n";
        break;
      case ResponseParser::Event::kData:
        empty_data_ = empty_data_ || parser_.data().empty();
        trace_ += empty_data_ ? "EMPTY" : "";
        trace_ += parser_.data();
        data_ += parser_.data();
        break;
      default:
        trace_ += "end\n";
        break;
    }
  }

  ResponseParser parser_;
  const std::vector<Body> expected_;
  size_t answers_ = 0;
  bool empty_data_ = false;
  bool failed_ = false;
  Status failure_;
  std::string trace_;
  std::string data_;
};

}  // namespace mailhaul::pop3
