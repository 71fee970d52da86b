#include "connectors/imap/sent_filing.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/text.h"
#include "connectors/imap/commands.h"
#include "connectors/imap/internal_date.h"
#include "connectors/imap/login.h"
#include "connectors/imap/refusal.h"
#include "connectors/imap/scanner.h"

namespace mailhaul::imap {
namespace {

constexpr std::string_view kAppendLimit = "APPENDLIMIT=";

// RFC 7889; UINT64_MAX when the server names no limit.
uint64_t AppendLimit(const Capabilities& capabilities) {
  for (const std::string& name : capabilities.names()) {
    uint64_t limit = 0;
    if (name.starts_with(kAppendLimit) &&
        ParseDecimal(std::string_view(name).substr(kAppendLimit.size()), kModseqMax, &limit)) {
      return limit;
    }
  }
  return UINT64_MAX;
}

// "[APPENDUID 38505 3955]"; a server may name a set, of which there is nothing to be made.
SentFiling::Copy ParseAppendUid(const ResponseCode& code) {
  SentFiling::Copy copy;
  if (code.name != "APPENDUID") {
    return copy;
  }
  Scanner scanner(code.arguments);
  const uint32_t uid_validity = scanner.Number32();
  scanner.Expect(' ');
  const uint32_t uid = scanner.Number32();
  if (!scanner.failed() && scanner.AtEnd() && uid_validity > 0 && uid > 0) {
    copy.uid_validity = uid_validity;
    copy.uid = uid;
  }
  return copy;
}

// For APPEND, a quota is the user's storage, and says nothing about our pace.
Status ClassifyAppendRefusal(Response done) {
  const bool full = done.code.name == "OVERQUOTA";
  if (full) {
    done.code.name.clear();
  }
  const Status refusal = ClassifyRefusal(done, "APPEND", Code::kServerRefused);
  return full ? refusal.WithContext("[OVERQUOTA]") : refusal;
}

// Where the user's own folders are: "" or "INBOX.".
std::string PersonalPrefix(const std::vector<NamespaceEntry>& namespaces) {
  for (const NamespaceEntry& entry : namespaces) {
    if (entry.kind == NamespaceKind::kPersonal) {
      return entry.prefix;
    }
  }
  return "";
}

// One APPEND: the announcement, the message in blocks, the verdict.
class Appending final {
 public:
  Appending(Connection& connection, LiteralSupport literals, const ByteSource& message)
      : connection_(connection), literals_(literals), message_(message) {}

  net::Task<Result<Response>> Run(std::string wire_name, WallTime date);
  bool sent_all() const { return sent_all_; }

 private:
  bool Waits() const {
    return literals_ == LiteralSupport::kSynchronizing ||
           (literals_ == LiteralSupport::kMinus && message_.size() > kNonSyncLiteralBytesMax);
  }
  // True when the server asks for the literal; false: `*verdict` refuses it.
  net::Task<Result<bool>> AwaitGoAhead(const std::string& tag, Response* verdict);
  net::Task<Status> SendMessage();

  Connection& connection_;
  const LiteralSupport literals_;
  const ByteSource& message_;
  bool sent_all_ = false;
};

net::Task<Result<bool>> Appending::AwaitGoAhead(const std::string& tag, Response* verdict) {
  for (;;) {
    CO_TRY(const ResponseParser::Event event, connection_.Next());
    const Response& response = connection_.response();
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(connection_.SkipBody());
    } else if (response.kind == ResponseKind::kContinuation) {
      co_return true;
    } else if (response.kind == ResponseKind::kTagged) {
      if (response.tag != tag || response.condition == Condition::kOk) {
        co_return Status(Code::kProtocol, "the server answered a command that was never sent: " +
                                              EscapeForLog(response.tag, 20));
      }
      *verdict = response;
      co_return false;
    }
  }
}

net::Task<Status> Appending::SendMessage() {
  std::vector<char> block(kAppendBlockBytes);
  uint64_t offset = 0;
  while (offset < message_.size()) {
    const std::span<char> room(block);
    const Result<size_t> bytes = message_.ReadAt(offset, room);
    if (!bytes.ok()) {
      co_return bytes.status();
    }
    if (*bytes == 0) {
      co_return Status(Code::kInternal, "a message to be filed is shorter than it said");
    }
    offset += *bytes;
    const std::string_view text(block.data(), *bytes);
    CO_RETURN_IF_ERROR(connection_.Write(text));
  }
  sent_all_ = true;
  co_return co_await connection_.Write("\r\n");
}

net::Task<Result<Response>> Appending::Run(std::string wire_name, WallTime date) {
  std::string tag = connection_.NextTag();
  CommandEncoder encoder(tag, literals_);
  encoder.Raw("APPEND").String(wire_name).Raw("(\\Seen)").String(FormatInternalDate(date));
  Result<EncodedCommand> command = std::move(encoder).Finish();
  if (!command.ok()) {
    co_return command.status();
  }
  Response verdict;
  std::string& last = command->parts.back();
  last.resize(last.size() - 2);  // The line end: the literal follows.
  last += " {" + std::to_string(message_.size()) + (Waits() ? "}\r\n" : "+}\r\n");
  for (size_t i = 0; i < command->parts.size(); ++i) {
    CO_RETURN_IF_ERROR(connection_.Write(command->parts[i]));
    if (i + 1 < command->parts.size() || Waits()) {
      CO_TRY(const bool go_ahead, AwaitGoAhead(tag, &verdict));
      if (!go_ahead) {
        co_return verdict;
      }
    }
  }
  CO_RETURN_IF_ERROR(SendMessage());
  IgnoreUntagged ignore;
  co_return co_await connection_.Await(std::move(tag), ignore);
}

}  // namespace

struct SentFiling::Impl {
  std::unique_ptr<Connection> connection;
  Capabilities capabilities;
  bool dead = false;  // Nothing may be said any more, not even LOGOUT.

  void Note(const Status& outcome) {
    switch (outcome.code()) {
      case Code::kOk:
      case Code::kServerRefused:
      case Code::kNotFound:
      case Code::kAlreadyExists:
      case Code::kMessageRejected:
        return;
      default:
        dead = true;
    }
  }
};

SentFiling::SentFiling(LoggedIn login) : impl_(std::make_unique<Impl>()) {
  impl_->connection = std::move(login.connection);
  impl_->capabilities = std::move(login.capabilities);
}

SentFiling::~SentFiling() = default;

net::Task<Result<std::optional<FolderInfo>>> SentFiling::FindFolder() {
  Result<std::vector<FolderInfo>> folders =
      co_await ListFolders(*impl_->connection, impl_->capabilities, false, std::string());
  impl_->Note(folders.status());
  if (!folders.ok()) {
    co_return folders.status();
  }
  for (FolderInfo& folder : *folders) {
    if (folder.role == FolderRole::kSent) {
      co_return std::optional<FolderInfo>(std::move(folder));
    }
  }
  co_return std::optional<FolderInfo>();
}

net::Task<Result<FolderInfo>> SentFiling::CreateFolder() {
  FolderInfo folder;
  folder.role = FolderRole::kSent;
  folder.wire_name = PersonalPrefix(impl_->connection->namespaces()) + "Sent";
  folder.name = "Sent";
  CommandEncoder encoder(impl_->connection->NextTag(), impl_->capabilities.literals());
  encoder.Raw("CREATE").String(folder.wire_name);
  if (impl_->capabilities.Has("CREATE-SPECIAL-USE")) {
    encoder.Raw("(USE (\\Sent))");
  }
  Result<EncodedCommand> command = std::move(encoder).Finish();
  if (!command.ok()) {
    co_return command.status();
  }
  IgnoreUntagged ignore;
  const Result<Response> done = co_await impl_->connection->Run(std::move(*command), ignore);
  Status outcome = done.status();
  if (done.ok() && done->condition != Condition::kOk) {
    outcome = ClassifyRefusal(*done, "CREATE", Code::kServerRefused);
  }
  impl_->Note(outcome);
  if (!outcome.ok()) {
    co_return outcome;
  }
  co_return folder;
}

net::Task<Result<UidSet>> SentFiling::Find(FolderInfo folder, std::string message_id) {
  const Result<OpenedFolder> opened =
      co_await Examine(*impl_->connection, impl_->capabilities, folder.wire_name, nullptr);
  impl_->Note(opened.status());
  if (!opened.ok()) {
    co_return opened.status();
  }
  Result<UidSet> found =
      co_await SearchMessageId(*impl_->connection, impl_->capabilities, std::move(message_id));
  impl_->Note(found.status());
  co_return found;
}

net::Task<Result<SentFiling::Copy>> SentFiling::Append(FolderInfo folder, const ByteSource& message,
                                                       WallTime date, std::string message_id) {
  if (message.size() > std::min<uint64_t>(AppendLimit(impl_->capabilities), UINT32_MAX)) {
    co_return Status(Code::kMessageRejected, "the message is larger than the server takes");
  }
  Appending appending(*impl_->connection, impl_->capabilities.literals(), message);
  const Result<Response> done = co_await appending.Run(folder.wire_name, date);
  if (!done.ok()) {
    impl_->dead = true;  // Possibly within a literal.
    co_return appending.sent_all() ? Status(Code::kUnknownOutcome, done.status().message())
                                   : done.status();
  }
  if (done->condition != Condition::kOk) {
    const Status refusal = ClassifyAppendRefusal(*done);
    impl_->Note(refusal);
    co_return refusal;
  }
  Copy copy = ParseAppendUid(done->code);
  if (copy.uid == 0) {
    // It is filed; that it cannot be found, or looked for, changes nothing about that.
    const Result<UidSet> found = co_await Find(std::move(folder), std::move(message_id));
    copy.uid = found.ok() ? found->max() : 0;
  }
  co_return copy;
}

void SentFiling::Abort() {
  impl_->dead = true;
  impl_->connection->Abort();
}

net::Task<void> SentFiling::Close() {
  if (!impl_->dead) {
    co_await Logout(*impl_->connection);
    impl_->dead = true;
  }
  co_await impl_->connection->Close();
}

net::Task<Result<std::unique_ptr<SentFiling>>> OpenSentFiling(Dialer& dialer, ServerAddress server,
                                                              Credentials credentials,
                                                              std::optional<net::IpAddress> egress,
                                                              SessionOptions options) {
  options.remembered = nullptr;
  options.folders = nullptr;
  // With UTF8=ACCEPT an APPEND would have another form.
  options.broken.emplace_back("ENABLE");
  CO_TRY(LoggedIn login,
         Establish(dialer, std::move(server), std::move(credentials), egress, options));
  if (!login.introduced) {
    Introduce(login.capabilities, options, login.connection.get());
  }
  co_return std::make_unique<SentFiling>(std::move(login));
}

}  // namespace mailhaul::imap
