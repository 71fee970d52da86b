// The answers to one UID FETCH, one message at a time, with the faults of the server in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/scripted_mail_server.h"

namespace mailhaul::test_support {

class FetchScript final {
 public:
  // `arguments`: "1:3,7 (UID FLAGS) (CHANGEDSINCE 5)". References must outlive the script.
  FetchScript(ScriptedMailServer& server, const std::string& user, const std::string& folder_name,
              const ScriptedFolder& folder, std::string_view arguments, bool tells_modseqs);

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
  bool wants_header_ = false;
  bool wants_gmail_ = false;
  bool wants_thread_ = false;
  bool tells_modseqs_ = false;
  std::string outcome_ = "OK done";
};

// "* 3 FETCH (UID 7 FLAGS (\Seen) MODSEQ (12))" and its line end: news of flags.
std::string FlagNews(const ScriptedMessage& message, size_t sequence, bool tells_modseqs);

// "17-Jul-1996 02:44:25 +0000".
std::string FormatInternalDate(WallTime time);

}  // namespace mailhaul::test_support
