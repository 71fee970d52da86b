// Keywords and labels of a source are both tags of a message.
#pragma once

#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace mailhaul::pipeline {

inline std::vector<std::string> TagsOf(std::vector<std::string> keywords,
                                       const std::vector<std::string>& labels) {
  keywords.insert(keywords.end(), labels.begin(), labels.end());
  return keywords;
}

}  // namespace mailhaul::pipeline
