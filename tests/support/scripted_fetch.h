// The answers to one UID FETCH, one message at a time, with the faults of the server in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/scripted_mail_server.h"

namespace mailhaul::test_support {

class FetchScript final {
 public:
  // `arguments`: "1:3,7 (UID FLAGS)". References must outlive the script.
  FetchScript(ScriptedMailServer& server, const std::string& user, const std::string& folder_name,
              const ScriptedFolder& folder, std::string_view arguments);

  bool valid() const { return valid_; }
  // The responses about the next message; false at the end.
  bool Next(std::string* out);
  // What follows the tag.
  std::string outcome() const { return outcome_; }

 private:
  std::string Describe(const ScriptedMessage& message) const;
  std::string Body(const ScriptedMessage& message) const;
  std::string Answer(const ScriptedMessage& message, size_t sequence);
  std::string Unsolicited(const ScriptedMessage& message, size_t sequence) const;

  ScriptedMailServer& server_;
  const std::string folder_key_;
  std::vector<std::pair<size_t, ScriptedMessage>> messages_;  // Sequence number and a copy.
  size_t next_ = 0;
  bool valid_ = false;
  bool wants_flags_ = false;
  bool wants_date_ = false;
  bool wants_size_ = false;
  bool wants_body_ = false;
  std::string outcome_ = "OK done";
};

// "17-Jul-1996 02:44:25 +0000".
std::string FormatInternalDate(WallTime time);

}  // namespace mailhaul::test_support
