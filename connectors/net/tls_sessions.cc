#include "connectors/net/tls_sessions.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "connectors/net/loop.h"

namespace mailhaul::net {
namespace {

int TargetIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  MH_CHECK(index > 0);
  return index;
}

// 1: the session is ours now.
int OnNewSession(SSL* ssl, SSL_SESSION* session) {
  const auto* const target = static_cast<TlsSessionTarget*>(SSL_get_ex_data(ssl, TargetIndex()));
  if (target == nullptr) {
    return 0;
  }
  target->cache->Add(target->name, TlsSessionPtr(session), Loop::Current()->Now());
  return 1;
}

}  // namespace

void TlsSessionCache::Erase(Entries::iterator entry) {
  const auto it = names_.find(entry->name);
  std::erase(it->second, entry);
  if (it->second.empty()) {
    names_.erase(it);
  }
  entries_.erase(entry);
}

TlsSessionPtr TlsSessionCache::Take(const std::string& name, TimePoint now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  while (true) {
    const auto it = names_.find(name);
    if (it == names_.end()) {
      return nullptr;
    }
    const Entries::iterator newest = it->second.back();
    if (newest->expires <= now || SSL_SESSION_is_resumable(newest->session.get()) == 0) {
      Erase(newest);
      continue;
    }
    if (SSL_SESSION_get_protocol_version(newest->session.get()) >= TLS1_3_VERSION) {
      TlsSessionPtr session = std::move(newest->session);
      Erase(newest);
      return session;
    }
    entries_.splice(entries_.begin(), entries_, newest);
    SSL_SESSION_up_ref(newest->session.get());
    return TlsSessionPtr(newest->session.get());
  }
}

void TlsSessionCache::Add(const std::string& name, TlsSessionPtr session, TimePoint now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  entries_.push_front({.name = name, .session = std::move(session), .expires = now + kAgeMax});
  std::vector<Entries::iterator>& of_name = names_[name];
  of_name.push_back(entries_.begin());
  if (of_name.size() > kSessionsPerNameMax) {
    Erase(of_name.front());
  }
  if (entries_.size() > kSessionsMax) {
    Erase(std::prev(entries_.end()));
  }
}

void TlsSessionCache::Forget(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  while (names_.contains(name)) {
    Erase(names_[name].back());
  }
}

size_t TlsSessionCache::size() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return entries_.size();
}

void EnableSessions(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &OnNewSession);
}

void UseSessions(SSL* ssl, TlsSessionTarget& target) {
  SSL_set_ex_data(ssl, TargetIndex(), &target);
  const TlsSessionPtr session = target.cache->Take(target.name, Loop::Current()->Now());
  if (session != nullptr) {
    SSL_set_session(ssl, session.get());
  }
}

}  // namespace mailhaul::net
