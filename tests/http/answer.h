// What a server wrote, split into its answers.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mailhaul::http {

struct HttpAnswer {
  unsigned status = 0;
  std::map<std::string, std::string> fields;  // Names in lower case.
  std::string body;
  bool complete = false;  // All bytes that Content-Length promised are there.

  boost::json::value Json() const { return boost::json::parse(body); }
  std::string Code() const;  // Of a problem.
};

// `heads_only`: the answers are to HEAD requests, and none has a body.
std::vector<HttpAnswer> ParseAnswers(std::string_view bytes, bool heads_only = false);

}  // namespace mailhaul::http
