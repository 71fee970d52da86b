// From a configured server to what a session needs: its address, and credentials or a token.
#pragma once

#include "connectors/connector.h"
#include "connectors/http_client.h"
#include "engine/app/source_memory.h"
#include "engine/config/config.h"

namespace mailhaul::app {

ServerAddress ToServerAddress(const config::Server& server);
Credentials ToCredentials(const config::Server& server);

// Of a server with oauth2. All arguments must live until done; `http` null: it fails.
net::Task<Result<Secret>> AccessToken(const config::Server& server, SourceMemory& memory,
                                      HttpClient* http);
// What a refused token means; `status` if none was.
Status JudgeRefusal(SourceMemory& memory, const Secret& token, const Status& status);

}  // namespace mailhaul::app
