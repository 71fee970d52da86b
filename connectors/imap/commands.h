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

// Appends the LIST that ListFolders() with statuses begins with, and gives its tag.
std::string AppendList(Connection* connection, const Capabilities& capabilities);

// Appends a STATUS for each remembered folder and gives their tags; none, and nothing appended,
// where a list is due or better.
std::vector<std::string> AppendStatuses(Connection* connection, const Capabilities& capabilities,
                                        const FolderMemory& memory);

// Takes the answers to AppendStatuses(): whether all statuses are as remembered. `memory` must live
// until done.
net::Task<Result<bool>> ConfirmStatuses(Connection& connection, const Capabilities& capabilities,
                                        std::vector<std::string> sent_tags,
                                        const FolderMemory& memory);

// `sent_tag`: of an AppendList() that has been sent; empty: none. Only the user's own folders where
// NAMESPACE has told (it may have been sent aside).
net::Task<Result<std::vector<FolderInfo>>> ListFolders(Connection& connection,
                                                       const Capabilities& capabilities,
                                                       bool with_status, std::string sent_tag);

// `known`: null, or alive until done.
net::Task<Result<OpenedFolder>> Examine(Connection& connection, const Capabilities& capabilities,
                                        std::string wire_name, const KnownFolder* known);

// `messages`: how many the folder has as far as known; far more UIDs than that are kProtocol.
net::Task<Result<UidSet>> SearchUids(Connection& connection, const Capabilities& capabilities,
                                     std::optional<WallTime> since, uint32_t messages);

// UIDs of the open folder whose Message-ID header holds `message_id`.
net::Task<Result<UidSet>> SearchMessageId(Connection& connection, const Capabilities& capabilities,
                                          std::string message_id);

// `uids` must live until done; a command names them in at most `set_bytes_max` bytes.
net::Task<Result<std::vector<MessageMeta>>> FetchMetadata(Connection& connection,
                                                          const Capabilities& capabilities,
                                                          const UidSet& uids, size_t set_bytes_max);
net::Task<Result<std::vector<FlagState>>> FetchFlagStates(Connection& connection,
                                                          const Capabilities& capabilities,
                                                          const UidSet& uids,
                                                          uint64_t changed_since,
                                                          size_t set_bytes_max);
net::Task<Status> FetchMessageHeaders(Connection& connection, const UidSet& uids, HeaderSink& sink,
                                      size_t set_bytes_max);

net::Task<Status> FetchMessageBodies(Connection& connection, const SessionOptions& options,
                                     std::span<const MessageMeta> messages, BodySink& sink);

// NOOP; whether there is news of the open folder.
net::Task<Result<bool>> PollForNews(Connection& connection);

// COMPRESS (RFC 4978). A server that does not want to goes on without.
net::Task<Status> Compress(Connection& connection);

// LOGOUT, which goes out with the next Write(); its tag.
std::string AppendLogout(Connection* connection);

// Says LOGOUT, unless `sent_tag` tells that this has been done, waits for the answer and for the
// end of the connection, all for at most kLogoutTime.
net::Task<void> Logout(Connection& connection, std::string sent_tag = {});

}  // namespace mailhaul::imap
