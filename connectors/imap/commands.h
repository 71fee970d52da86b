// The commands of a logged-in session, one file each. kServerRefused, kNotFound: the connection
// goes on; any other failure ends it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/imap/capabilities.h"
#include "connectors/imap/connection.h"
#include "connectors/imap/imap_session.h"

namespace mailhaul::imap {

net::Task<Result<std::vector<FolderInfo>>> ListFolders(Connection& connection,
                                                       const Capabilities& capabilities);

net::Task<Result<OpenedFolder>> Examine(Connection& connection, std::string wire_name,
                                        LiteralSupport literals);

// `messages`: how many the folder has as far as known; far more UIDs than that are kProtocol.
net::Task<Result<UidSet>> SearchUids(Connection& connection, const Capabilities& capabilities,
                                     std::optional<WallTime> since, uint32_t messages);

// `uids` must live until done.
net::Task<Result<std::vector<MessageMeta>>> FetchMetadata(Connection& connection,
                                                          const UidSet& uids);

net::Task<Status> FetchMessageBodies(Connection& connection, const SessionOptions& options,
                                     std::span<const MessageMeta> messages, BodySink& sink);

// Says LOGOUT and waits for the answer, both for at most kLogoutTime.
inline constexpr Duration kLogoutTime = std::chrono::seconds(2);
net::Task<void> Logout(Connection& connection);

}  // namespace mailhaul::imap
