#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "connectors/imap/commands.h"
#include "connectors/imap/folder_names.h"
#include "connectors/imap/refusal.h"
#include "connectors/net/loop.h"

namespace mailhaul::imap {
namespace {

// INBOX is the one name without case.
std::string NameKey(const std::string& wire_name) {
  return EqualsIgnoreCase(wire_name, "INBOX") ? "INBOX" : wire_name;
}

std::string StatusItems(const Capabilities& capabilities) {
  return capabilities.modseqs() ? "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)"
                                : "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)";
}

// Folders, statuses and namespaces, in whatever order they come.
class ListHandler final : public UntaggedHandler {
 public:
  explicit ListHandler(const Connection& connection, const Capabilities& capabilities)
      : connection_(connection), utf8_names_(capabilities.utf8_names()) {}

  Status OnUntagged(const Response& response) override {
    if (response.kind == ResponseKind::kList) {
      return collector_.Add(response.list, utf8_names());
    }
    return response.kind == ResponseKind::kStatus ? AddStatus(response.status) : Status::Ok();
  }
  Status AddStatus(const StatusEntry& entry) {
    if (!entry.messages || entry.uid_validity.value_or(0) == 0) {
      return {};
    }
    if (statuses_.size() >= kFoldersMax) {
      return {Code::kProtocol, "the server tells the status of too many folders"};
    }
    FolderStatus& status = statuses_[NameKey(entry.mailbox)];
    status.uid_validity = *entry.uid_validity;
    status.uid_next = entry.uid_next.value_or(0);
    status.messages = *entry.messages;
    status.unseen = entry.unseen.value_or(0);
    status.modseq = entry.modseq;
    return {};
  }
  bool has_statuses() const { return !statuses_.empty(); }
  std::vector<FolderInfo> TakeFolders() {
    return std::move(collector_).Finish(connection_.namespaces());
  }
  void GiveStatuses(std::vector<FolderInfo>* folders) const {
    for (FolderInfo& folder : *folders) {
      const auto it = statuses_.find(NameKey(folder.wire_name));
      if (it != statuses_.end()) {
        folder.status = it->second;
      }
    }
  }

 private:
  bool utf8_names() const { return utf8_names_ || connection_.enabled("UTF8=ACCEPT"); }

  const Connection& connection_;
  const bool utf8_names_;
  FolderCollector collector_;
  std::unordered_map<std::string, FolderStatus> statuses_;  // By name on the wire.
};

Result<EncodedCommand> EncodeStatus(std::string tag, const FolderInfo& folder,
                                    const std::string& items, LiteralSupport literals) {
  CommandEncoder encoder(std::move(tag), literals);
  encoder.Raw("STATUS").String(folder.wire_name).Raw(items);
  return std::move(encoder).Finish();
}

// One STATUS for each folder, many of them in flight.
class StatusPipeline final {
 public:
  StatusPipeline(Connection& connection, const Capabilities& capabilities,
                 std::span<const FolderInfo> folders, ListHandler& handler)
      : connection_(connection),
        items_(StatusItems(capabilities)),
        literals_(capabilities.literals()),
        rest_(folders),
        handler_(handler) {}

  // Commands that have been sent already; before Run().
  void AddSent(std::vector<std::string> tags) { in_flight_ = std::move(tags); }
  net::Task<Status> Run();

 private:
  // Fills the pipeline in one write.
  net::Task<Status> Send();
  Result<EncodedCommand> Encode(const FolderInfo& folder);
  Status OnResponse(const Response& response);

  Connection& connection_;
  const std::string items_;
  const LiteralSupport literals_;
  std::span<const FolderInfo> rest_;
  ListHandler& handler_;
  std::vector<std::string> in_flight_;  // Tags.
};

Result<EncodedCommand> StatusPipeline::Encode(const FolderInfo& folder) {
  return EncodeStatus(connection_.NextTag(), folder, items_, literals_);
}

net::Task<Status> StatusPipeline::Send() {
  std::string together;
  while (in_flight_.size() < kStatusPipelineDepth && !rest_.empty()) {
    Result<EncodedCommand> command = Encode(rest_.front());
    const bool plain = command.ok() && command->parts.size() == 1;
    if (plain) {
      together += command->parts.front();
      in_flight_.push_back(std::move(command->tag));
    }
    // A name that needs a "+" from the server stays without status: it cannot be pipelined.
    rest_ = rest_.subspan(1);
  }
  if (together.empty()) {
    co_return Status::Ok();
  }
  co_return co_await connection_.Write(together);
}

Status StatusPipeline::OnResponse(const Response& response) {
  if (response.kind == ResponseKind::kContinuation) {
    return UnexpectedContinuation();
  }
  if (response.kind != ResponseKind::kTagged) {
    return handler_.OnUntagged(response);
  }
  if (std::erase(in_flight_, response.tag) == 0) {
    return {Code::kProtocol,
            "the server answered a command that was never sent: " + EscapeForLog(response.tag, 20)};
  }
  if (response.condition != Condition::kOk) {
    const Status why = ClassifyRefusal(response, "STATUS", Code::kServerRefused);
    return why.code() == Code::kThrottled ? why : Status::Ok();
  }
  return {};
}

net::Task<Status> StatusPipeline::Run() {
  CO_RETURN_IF_ERROR(Send());
  while (!in_flight_.empty()) {
    CO_TRY(const ResponseParser::Event event, connection_.Next());
    if (event == ResponseParser::Event::kBody) {
      CO_RETURN_IF_ERROR(connection_.SkipBody());
      continue;
    }
    Status taken = OnResponse(connection_.response());
    if (!taken.ok()) {
      co_return taken;
    }
    if (in_flight_.size() <= kStatusPipelineDepth / 2) {
      CO_RETURN_IF_ERROR(Send());
    }
  }
  co_return Status::Ok();
}

EncodedCommand ListCommand(std::string tag, const std::string& options) {
  return PlainCommand(std::move(tag), "LIST \"\" \"*\"" + options);
}

// RETURN belongs to LIST-EXTENDED (RFC 5258, RFC 6154 section 2, RFC 5819), which LIST-STATUS
// implies.
std::string ReturnOptions(const Capabilities& capabilities, bool with_status) {
  std::string options;
  if (capabilities.Has("SPECIAL-USE") &&
      (capabilities.Has("LIST-EXTENDED") || capabilities.Has("LIST-STATUS"))) {
    options = "SPECIAL-USE";
  }
  if (with_status && capabilities.Has("LIST-STATUS")) {
    options += (options.empty() ? "STATUS " : " STATUS ") + StatusItems(capabilities);
  }
  return options.empty() ? options : " RETURN (" + options + ")";
}

}  // namespace

std::string AppendList(Connection* connection, const Capabilities& capabilities) {
  if (capabilities.Has("NAMESPACE")) {
    connection->AskNamespaces();
  }
  std::string tag = connection->NextTag();
  connection->Append(ListCommand(tag, ReturnOptions(capabilities, true)));
  return tag;
}

std::vector<std::string> AppendStatuses(Connection* connection, const Capabilities& capabilities,
                                        const FolderMemory& memory) {
  const bool young = net::Loop::Current()->Now() - memory.listed_at < kListEvery;
  std::vector<std::string> tags;
  std::vector<EncodedCommand> commands;
  for (const FolderInfo& folder : memory.folders) {
    Result<EncodedCommand> command = EncodeStatus(
        connection->NextTag(), folder, StatusItems(capabilities), capabilities.literals());
    if (!young || !command.ok() || command->parts.size() != 1) {
      return {};
    }
    commands.push_back(std::move(command).value());
  }
  for (EncodedCommand& command : commands) {
    tags.push_back(command.tag);
    connection->Append(std::move(command));
  }
  return tags;
}

net::Task<Result<bool>> ConfirmStatuses(Connection& connection, const Capabilities& capabilities,
                                        std::vector<std::string> sent_tags,
                                        const FolderMemory& memory) {
  ListHandler handler(connection, capabilities);
  StatusPipeline pipeline(connection, capabilities, {}, handler);
  pipeline.AddSent(std::move(sent_tags));
  CO_RETURN_IF_ERROR(pipeline.Run());
  std::vector<FolderInfo> now = memory.folders;
  for (FolderInfo& folder : now) {
    folder.status.reset();
  }
  handler.GiveStatuses(&now);
  co_return std::equal(
      now.begin(), now.end(), memory.folders.begin(),
      [](const FolderInfo& a, const FolderInfo& b) { return a.status == b.status; });
}

net::Task<Result<std::vector<FolderInfo>>> ListFolders(Connection& connection,
                                                       const Capabilities& capabilities,
                                                       bool with_status, std::string sent_tag) {
  if (capabilities.Has("NAMESPACE")) {
    connection.AskNamespaces();
  }
  std::string options = ReturnOptions(capabilities, with_status);
  for (;;) {
    ListHandler handler(connection, capabilities);
    const bool early = !sent_tag.empty();
    if (!early) {
      sent_tag = connection.NextTag();
      const EncodedCommand command = ListCommand(sent_tag, options);
      CO_RETURN_IF_ERROR(connection.Write(command.parts.front()));
    }
    std::string tag = std::exchange(sent_tag, std::string());
    CO_TRY(const Response done, connection.Await(std::move(tag), handler));
    if (done.condition == Condition::kBad && early) {
      continue;  // It no longer knows what it once did.
    }
    if (done.condition == Condition::kBad && !options.empty()) {
      options.clear();  // It does not know what it offers.
      continue;
    }
    if (done.condition != Condition::kOk) {
      co_return ClassifyRefusal(done, "LIST", Code::kServerRefused);
    }
    std::vector<FolderInfo> folders = handler.TakeFolders();
    if (with_status && !handler.has_statuses()) {
      StatusPipeline pipeline(connection, capabilities, folders, handler);
      CO_RETURN_IF_ERROR(pipeline.Run());
    }
    handler.GiveStatuses(&folders);
    co_return folders;
  }
}

}  // namespace mailhaul::imap
