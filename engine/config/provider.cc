#include "engine/config/provider.h"

#include <algorithm>
#include <utility>

namespace mailhaul::config {
namespace {

template <typename Map, typename Key>
Providers::Profile FindIn(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}

}  // namespace

uint16_t DefaultPort(Protocol protocol, SecurityMode security) {
  const bool tls = security == SecurityMode::kTls;
  if (protocol == Protocol::kPop3) {
    return tls ? 995 : 110;
  }
  return tls ? 993 : 143;
}

uint16_t DefaultSmtpPort(SecurityMode security) {
  return security == SecurityMode::kTls ? 465 : 587;
}

const std::optional<MailServer>& ProviderProfile::SourceServer(Protocol protocol) const {
  return protocol == Protocol::kPop3 ? pop3 : imap;
}

bool ProviderProfile::Accepts(AuthKind kind) const {
  return auth.empty() || std::find(auth.begin(), auth.end(), kind) != auth.end();
}

void Providers::Add(ProviderProfile profile) {
  const auto added = std::make_shared<const ProviderProfile>(std::move(profile));
  if (const Profile replaced = ByName(added->name)) {
    Forget(by_domain_, replaced);
    Forget(by_server_, replaced);
    Forget(by_exchanger_, replaced);
  }
  by_name_[added->name] = added;
  for (const std::string& domain : added->domains) {
    by_domain_[domain] = added;
  }
  for (const std::string& suffix : added->mx) {
    by_exchanger_[suffix] = added;
  }
  for (const std::string& host : added->hosts) {
    by_server_[host] = added;
  }
  for (const auto* server : {&added->imap, &added->pop3, &added->smtp}) {
    if (server->has_value()) {
      by_server_[(*server)->host] = added;
    }
  }
}

void Providers::Forget(Index& index, const Profile& profile) {
  std::erase_if(index, [&](const auto& entry) { return entry.second == profile; });
}

Providers::Profile Providers::ByName(const std::string& name) const {
  return FindIn(by_name_, name);
}

Providers::Profile Providers::ByDomain(const std::string& domain) const {
  return FindIn(by_domain_, domain);
}

Providers::Profile Providers::ByServer(const std::string& host) const {
  return FindIn(by_server_, host);
}

Providers::Profile Providers::ByExchanger(std::string_view exchanger) const {
  while (!exchanger.empty()) {
    if (Profile found = FindIn(by_exchanger_, exchanger)) {
      return found;
    }
    const size_t dot = exchanger.find('.');
    exchanger.remove_prefix(dot == std::string_view::npos ? exchanger.size() : dot + 1);
  }
  return nullptr;
}

}  // namespace mailhaul::config
