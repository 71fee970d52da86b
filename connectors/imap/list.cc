#include <utility>

#include "connectors/imap/commands.h"
#include "connectors/imap/folder_names.h"
#include "connectors/imap/refusal.h"

namespace mailhaul::imap {
namespace {

class ListHandler final : public UntaggedHandler {
 public:
  Status OnUntagged(const Response& response) override {
    return response.kind == ResponseKind::kList ? collector_.Add(response.list) : Status::Ok();
  }
  std::vector<FolderInfo> Finish() { return std::move(collector_).Finish(); }

 private:
  FolderCollector collector_;
};

}  // namespace

net::Task<Result<std::vector<FolderInfo>>> ListFolders(Connection& connection,
                                                       const Capabilities& capabilities) {
  // RETURN belongs to LIST-EXTENDED (RFC 5258, RFC 6154 section 2); IMAP4rev2 includes both.
  const bool asks_roles = (capabilities.Has("SPECIAL-USE") && capabilities.Has("LIST-EXTENDED")) ||
                          capabilities.Has("IMAP4REV2");
  EncodedCommand command =
      PlainCommand(connection.NextTag(),
                   asks_roles ? "LIST \"\" \"*\" RETURN (SPECIAL-USE)" : "LIST \"\" \"*\"");
  ListHandler handler;
  CO_TRY(const Response done, connection.Run(std::move(command), handler));
  if (done.condition != Condition::kOk) {
    co_return ClassifyRefusal(done, "LIST", Code::kServerRefused);
  }
  co_return handler.Finish();
}

}  // namespace mailhaul::imap
