// Whether a mailbox or a tenant is the same after its files were read again.
#pragma once

#include "engine/config/config.h"

namespace mailhaul::config {

// Fills the fingerprints of `tenant` and its mailboxes: SHA-256 of all that its files say of it,
// secrets included, as read, before autodiscovery fills what is absent.
void SetFingerprints(TenantConfig& tenant);
void SetFingerprint(MailboxConfig& mailbox);  // Of one that stands in no file.

// SHA-256 of a list of texts; no two lists have the same.
std::string FingerprintOf(const std::vector<std::string>& texts);

}  // namespace mailhaul::config
