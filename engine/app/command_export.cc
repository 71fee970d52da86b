#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/text.h"
#include "engine/app/commands.h"
#include "engine/app/exit_codes.h"
#include "engine/app/export_maildir.h"
#include "engine/app/runtime.h"
#include "engine/http/json.h"

namespace mailhaul::app {
namespace {

using FolderNames = std::map<store::FolderId, std::string>;

Result<std::string> ReadWhole(const ByteSource& source) {
  std::string bytes(source.size(), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    MH_ASSIGN_OR_RETURN(const size_t got,
                        source.ReadAt(done, std::span(bytes.data() + done, bytes.size() - done)));
    if (got == 0) {
      return Status(Code::kCorrupt, "the stored message ends early");
    }
    done += got;
  }
  return bytes;
}

// mboxrd: lines that begin with any number of ">" before "From " get one more, CRLF becomes LF.
std::string ToMbox(const store::StoredMessage& message, std::string_view raw) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(message.internal_date);
  const std::time_t time = std::chrono::system_clock::to_time_t(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &parts);
  std::string text = "From MAILER-DAEMON " + std::string(date) + "\n";
  while (!raw.empty()) {
    const size_t end = raw.find('\n');
    std::string_view line = raw.substr(0, end);
    raw.remove_prefix(end == std::string_view::npos ? raw.size() : end + 1);
    if (end != std::string_view::npos && line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    const size_t quoted = line.find_first_not_of('>');
    if (quoted != std::string_view::npos && line.substr(quoted).starts_with("From ")) {
      text += '>';
    }
    text += line;
    text += '\n';
  }
  return text + "\n";
}

// One line: the message as HTTP shows it, and its raw bytes.
std::string ToJsonLine(const store::StoredMessage& message, const FolderNames& folders,
                       const std::string& mailbox, std::string_view raw) {
  const auto folder = folders.find(message.shown_folder());
  std::string line = http::MessageJson(
      message, {.mailbox = mailbox, .folder = folder == folders.end() ? "" : folder->second});
  const std::string_view hash(reinterpret_cast<const char*>(message.sha256.data()),
                              message.sha256.size());
  line.pop_back();
  if (!message.has_body()) {
    return line + ",\"sha256\":null,\"raw_base64\":null}\n";
  }
  line += ",\"sha256\":\"" + HexEncode(hash) + "\",\"raw_base64\":\"" + Base64Encode(raw) + "\"}\n";
  return line;
}

class Exporter final {
 public:
  // One of `out` and `maildir` is not null.
  Exporter(const store::MailStore& store, const CommandOptions& options, std::FILE* out,
           MaildirWriter* maildir)
      : store_(store), options_(options), out_(out), maildir_(maildir) {}

  Status Run(TenantId tenant, MailboxId mailbox, const std::string& name) {
    MH_ASSIGN_OR_RETURN(const std::vector<store::FolderRecord> folders,
                        store_.ListFolders(mailbox));
    for (const store::FolderRecord& folder : folders) {
      folders_.emplace(folder.id, folder.name);
    }
    store::MessageQuery query;
    query.tenant = tenant;
    query.mailbox = mailbox;
    for (bool more = true; more;) {
      MH_ASSIGN_OR_RETURN(const store::MessagePage page, store_.ListMessages(query));
      for (const store::StoredMessage& message : page.items) {
        MH_RETURN_IF_ERROR(
            Write(message, name).WithContext("message " + FormatId(message.id.value)));
        query.cursor_date = message.internal_date;
        query.cursor_id = message.id;
      }
      more = page.more && !page.items.empty();
    }
    return {};
  }

 private:
  Status Write(const store::StoredMessage& message, const std::string& name) {
    std::string raw;
    if (message.has_body()) {
      MH_ASSIGN_OR_RETURN(const std::unique_ptr<ByteSource> source, store_.OpenRaw(message));
      MH_ASSIGN_OR_RETURN(raw, ReadWhole(*source));
    } else {
      std::fprintf(stderr, "mailhaul: message %s is listed only: %s\n",
                   FormatId(message.id.value).c_str(),
                   EscapeForLog(message.content.unparsed_reason).c_str());
      if (!options_.jsonl) {
        return {};
      }
    }
    if (maildir_ != nullptr) {
      const auto folder = folders_.find(message.shown_folder());
      return maildir_->Write(message, folder == folders_.end() ? "" : folder->second, raw);
    }
    const std::string text =
        options_.mbox ? ToMbox(message, raw) : ToJsonLine(message, folders_, name, raw);
    if (std::fwrite(text.data(), 1, text.size(), out_) != text.size()) {
      return Status(Code::kIo, "cannot write " +
                                   (options_.output.empty() ? "standard output" : options_.output));
    }
    return {};
  }

  const store::MailStore& store_;
  const CommandOptions& options_;
  std::FILE* const out_;
  MaildirWriter* const maildir_;
  FolderNames folders_;
};

int Fail(const std::string& message, int code) {
  std::fprintf(stderr, "mailhaul: %s\n", message.c_str());
  return code;
}

int ExportMaildir(const store::MailStore& mail, const CommandOptions& options, TenantId tenant,
                  MailboxId mailbox) {
  if (options.output.empty()) {
    return Fail("--maildir needs --output, a directory that does not exist yet", kExitUsage);
  }
  Result<MaildirWriter> maildir = MaildirWriter::Create(options.output);
  if (!maildir.ok()) {
    return Fail(maildir.status().message(), kExitUsage);
  }
  const Status exported = Exporter(mail, options, nullptr, &*maildir).Run(tenant, mailbox, "");
  return exported.ok() ? kExitDone : ExplainFailure(exported);
}

}  // namespace

int RunExport(const CommandOptions& options) {
  bool clean = false;
  const std::optional<config::Config> config = LoadOrExplain(options, &clean);
  const size_t slash = options.mailbox.find('/');
  if (!config.has_value() || slash == std::string::npos) {
    return config.has_value() ? Fail("--mailbox takes TENANT/ID", kExitUsage) : kExitUsage;
  }
  const Result<std::unique_ptr<OpenStore>> store = OpenForReading(*config);
  if (!store.ok()) {
    return ExplainFailure(store.status());
  }
  const store::MailStore& mail = *(*store)->mail;
  const std::string name = options.mailbox.substr(slash + 1);
  const std::optional<TenantId> tenant = mail.FindTenant(options.mailbox.substr(0, slash));
  const std::optional<MailboxId> mailbox =
      tenant.has_value() ? mail.FindMailbox(*tenant, name) : std::nullopt;
  if (!mailbox.has_value()) {
    return Fail("no mailbox " + EscapeForLog(options.mailbox) + " in " + config->data_dir,
                kExitUsage);
  }
  if (options.maildir) {
    return ExportMaildir(mail, options, *tenant, *mailbox);
  }
  std::FILE* out = options.output.empty() ? stdout : std::fopen(options.output.c_str(), "wxe");
  if (out == nullptr) {
    return Fail("cannot create " + options.output + " (it must not exist yet)", kExitUsage);
  }
  const Status exported = Exporter(mail, options, out, nullptr).Run(*tenant, *mailbox, name);
  const bool flushed = std::fflush(out) == 0;
  if (out != stdout) {
    std::fclose(out);
  }
  if (!exported.ok()) {
    return ExplainFailure(exported);
  }
  return flushed ? kExitDone : Fail("cannot write the export", kExitSomeFailed);
}

}  // namespace mailhaul::app
