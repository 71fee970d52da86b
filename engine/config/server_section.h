// The sections `source` and `submission` of a mailbox.
#pragma once

#include "engine/config/config.h"
#include "engine/config/references.h"
#include "engine/config/yaml_tree.h"

namespace mailhaul::config {

// Where mail is collected from: fills `source`, `profile` and `pool` of `mailbox`, whose address is
// the default of the user name and names the provider where no host is given.
void ReadSource(const Node& node, const Providers& providers, References& references,
                Report& report, MailboxConfig& mailbox);

// Where mail is sent through, by default the provider's server. `node` may be null. What is not
// given comes from the source and its profile.
void ReadSubmission(const Node* node, References& references, Report& report,
                    MailboxConfig& mailbox);

}  // namespace mailhaul::config
