#include "engine/config/report.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "engine/config/references.h"

namespace mailhaul::config {

void Report::Error(Position where, std::string message) {
  failed_ = true;
  Add(where, std::move(message), false);
}

void Report::Warning(Position where, std::string message) { Add(where, std::move(message), true); }

void Report::NoteInlineSecret(Position where) {
  if (inline_secrets_++ == 0) {
    first_inline_secret_ = where;
  }
}

void Report::WarnOfInlineSecrets(bool readable_by_others) {
  if (inline_secrets_ == 0) {
    return;
  }
  const std::string count =
      inline_secrets_ == 1 ? "a secret stands" : std::to_string(inline_secrets_) + " secrets stand";
  Warning(first_inline_secret_,
          count + " in this file as text" +
              (readable_by_others ? ", and other users can read it; " + std::string(kModeThatMends)
                                  : "; a reference to a file or to the environment is safer"));
  inline_secrets_ = 0;
}

void Report::Add(Position where, std::string message, bool warning) {
  if (full()) {
    ++dropped_;
    return;
  }
  Problem& problem = problems_.emplace_back();
  problem.file = file_;
  problem.line = where.line;
  problem.column = where.column;
  problem.message = std::move(message);
  problem.fatal = fatal_ && !warning;
  problem.warning = warning;
}

std::vector<Problem> Report::Take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  if (dropped_ > 0) {
    Problem& rest = problems_.emplace_back();
    rest.file = file_;
    rest.message = "and " + std::to_string(dropped_) + " more problems";
    rest.fatal = fatal_ && failed_;
    rest.warning = !failed_;
  }
  dropped_ = 0;
  return std::exchange(problems_, {});
}

void Report::MoveTo(std::vector<Problem>& out) {
  std::vector<Problem> problems = Take();
  std::move(problems.begin(), problems.end(), std::back_inserter(out));
}

}  // namespace mailhaul::config
