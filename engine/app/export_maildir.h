// A mailbox as a Maildir++ tree, as Dovecot and Courier read it: INBOX in the directory itself,
// other folders in "."-separated directories below it, their names in modified UTF-7.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/mail_store.h"

namespace mailhaul::app {

class MaildirWriter final {
 public:
  // kAlreadyExists: there is something of that name.
  static Result<MaildirWriter> Create(std::string directory);

  // Writes the message to cur/ with its flags in the file's name and its date as the file's time.
  // `folder`: in UTF-8 with "/".
  Status Write(const store::StoredMessage& message, std::string_view folder, std::string_view raw);

 private:
  explicit MaildirWriter(std::string directory) : directory_(std::move(directory)) {}
  Status MakeFolder(const std::string& path);

  std::string directory_;
  std::set<std::string> made_;
};

}  // namespace mailhaul::app
