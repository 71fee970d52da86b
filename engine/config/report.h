// Collects the problems of one configuration file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/config/config.h"

namespace mailhaul::config {

struct Position {
  int line = 0;    // From 1; 0: the file as a whole.
  int column = 0;  // From 1, in bytes.
};

inline constexpr size_t kShownPathBytesMax = 4096;  // Of a path in a message.

// Keeps the first kProblemsPerFileMax problems; a hostile file cannot make it grow further.
class Report final {
 public:
  // `fatal`: whether an error in this file stops everything (the main file) or only leaves it out.
  Report(std::string file, bool fatal) : file_(std::move(file)), fatal_(fatal) {}

  const std::string& file() const { return file_; }
  bool failed() const { return failed_; }  // An error, not only a warning.
  bool full() const { return problems_.size() >= kProblemsPerFileMax; }

  // `message` must not contain a secret, and outside text only after EscapeForLog().
  void Error(Position where, std::string message);
  void Warning(Position where, std::string message);

  // The file holds a secret itself. WarnOfInlineSecrets() says so once, however many there are;
  // `readable_by_others`: the file, by users other than its owner.
  void NoteInlineSecret(Position where);
  void WarnOfInlineSecrets(bool readable_by_others);

  // All problems by position. The report is empty afterwards.
  std::vector<Problem> Take();
  void MoveTo(std::vector<Problem>& out);  // The same, behind those of other files.

 private:
  void Add(Position where, std::string message, bool warning);

  std::string file_;
  bool fatal_;
  bool failed_ = false;
  size_t dropped_ = 0;
  size_t inline_secrets_ = 0;
  Position first_inline_secret_;
  std::vector<Problem> problems_;
};

}  // namespace mailhaul::config
