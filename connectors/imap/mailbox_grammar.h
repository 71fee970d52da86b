// The responses about folders and sets of messages: LIST, STATUS, NAMESPACE, SEARCH, ESEARCH,
// VANISHED (RFC 9051 section 7.3, RFC 2342, RFC 4731, RFC 7162). Part of the response parser.
//
// Each takes what follows the word that names the response, the space before it included; the
// scanner's failed() tells what is malformed.
#pragma once

#include "connectors/imap/response.h"
#include "connectors/imap/scanner.h"

namespace mailhaul::imap {

void ParseList(Scanner* scanner, ListEntry* list);
void ParseStatus(Scanner* scanner, StatusEntry* status);
void ParseNamespace(Scanner* scanner, std::vector<NamespaceEntry>* namespaces);
void ParseSearch(Scanner* scanner, UidSet* uids);
void ParseEsearch(Scanner* scanner, UidSet* uids);
void ParseVanished(Scanner* scanner, Response* response);

}  // namespace mailhaul::imap
