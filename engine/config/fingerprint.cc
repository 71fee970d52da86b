#include "engine/config/fingerprint.h"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string_view>

#include "base/check.h"

namespace mailhaul::config {
namespace {

// Every value is hashed with its length or in a fixed width: no two lists of values hash alike.
class Digest final {
 public:
  Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    MH_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void Add(uint64_t number) { Update(&number, sizeof(number)); }
  void Add(std::string_view text) {
    Add(uint64_t{text.size()});
    Update(text.data(), text.size());
  }
  void Add(std::chrono::milliseconds duration) { Add(static_cast<uint64_t>(duration.count())); }
  void Add(const Secret& secret) { Add(secret.Reveal()); }

  std::string Take() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned int size = 0;
    MH_CHECK(EVP_DigestFinal_ex(context_.get(), bytes.data(), &size) == 1);
    return {reinterpret_cast<const char*>(bytes.data()), size};
  }

 private:
  void Update(const void* data, size_t size) {
    MH_CHECK(EVP_DigestUpdate(context_.get(), data, size) == 1);
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// Each function takes its struct apart by name: a new key does not compile until it is dealt with
// here.
void AddGrant(const OAuth2& grant, Digest& digest) {
  const auto& [token_url, client_id, client_secret, refresh_token] = grant;
  digest.Add(token_url);
  digest.Add(client_id);
  digest.Add(client_secret);
  digest.Add(refresh_token);
}

void AddServer(const Server& server, Digest& digest) {
  const auto& [protocol, host, port, security, username, password, oauth2, allow_cram_md5] = server;
  digest.Add(static_cast<uint64_t>(protocol));
  digest.Add(host);
  digest.Add(uint64_t{port});
  digest.Add(static_cast<uint64_t>(security));
  digest.Add(username);
  digest.Add(password);
  digest.Add(uint64_t{allow_cram_md5});
  digest.Add(uint64_t{oauth2.has_value()});
  if (oauth2) {
    AddGrant(*oauth2, digest);
  }
}

std::string FingerprintOf(const MailboxConfig& mailbox) {
  const auto& [id, address, source, submission, profile, pool, undiscovered, fingerprint, added] =
      mailbox;
  static_cast<void>(undiscovered);  // What autodiscovery says; the files say nothing of it.
  static_cast<void>(fingerprint);
  static_cast<void>(added);  // Where it stands, not what it says.
  Digest digest;
  digest.Add(id);
  digest.Add(address);
  AddServer(source, digest);
  digest.Add(uint64_t{submission.has_value()});
  if (submission) {
    AddServer(*submission, digest);
  }
  digest.Add(profile == nullptr ? std::string_view() : profile->name);
  digest.Add(pool);
  return digest.Take();
}

void AddTexts(const std::vector<std::string>& texts, Digest& digest) {
  digest.Add(uint64_t{texts.size()});
  for (const std::string& text : texts) {
    digest.Add(text);
  }
}

void AddOptional(const std::optional<std::chrono::milliseconds>& duration, Digest& digest) {
  digest.Add(uint64_t{duration.has_value()});
  digest.Add(duration.value_or(std::chrono::milliseconds(0)));
}

void AddTokens(const std::vector<Token>& tokens, Digest& digest) {
  digest.Add(uint64_t{tokens.size()});
  for (const auto& [sha256, scopes] : tokens) {
    digest.Add(sha256);
    AddTexts(scopes, digest);
  }
}

void AddFreshness(const Freshness& freshness, Digest& digest) {
  const auto& [active, normal, dormant, active_for, dormant_after] = freshness;
  for (const std::chrono::milliseconds each :
       {active, normal, dormant, active_for, dormant_after}) {
    digest.Add(each);
  }
}

void AddCollect(const Collect& collect, Digest& digest) {
  const auto& [window, backfill, max_message, exclude, deletions] = collect;
  AddOptional(window, digest);
  digest.Add(uint64_t{backfill});
  digest.Add(max_message);
  AddTexts(exclude, digest);
  digest.Add(static_cast<uint64_t>(deletions));
}

void AddSend(const Send& send, Digest& digest) {
  const auto& [per_mailbox_per_minute, per_tenant_per_minute, retry_for] = send;
  digest.Add(uint64_t{per_mailbox_per_minute.has_value()});
  digest.Add(uint64_t{per_mailbox_per_minute.value_or(0)});
  digest.Add(uint64_t{per_tenant_per_minute});
  digest.Add(retry_for);
}

void AddWebhooks(const std::vector<WebhookConfig>& webhooks, Digest& digest) {
  digest.Add(uint64_t{webhooks.size()});
  for (const auto& [url, secret, events] : webhooks) {
    digest.Add(url);
    digest.Add(secret);
    AddTexts(events, digest);
  }
}

}  // namespace

std::string FingerprintOf(const std::vector<std::string>& texts) {
  Digest digest;
  for (const std::string& text : texts) {
    digest.Add(text);
  }
  return digest.Take();
}

void SetFingerprint(MailboxConfig& mailbox) { mailbox.fingerprint = FingerprintOf(mailbox); }

void SetFingerprints(TenantConfig& tenant) {
  auto& [name, file, weight, tokens, freshness, collect, send, webhooks, quota_bytes, retention,
         mailboxes, fingerprint] = tenant;
  static_cast<void>(file);  // Where it stands, not what it says.
  Digest digest;
  digest.Add(name);
  digest.Add(uint64_t{weight});
  AddTokens(tokens, digest);
  AddFreshness(freshness, digest);
  AddCollect(collect, digest);
  AddSend(send, digest);
  AddWebhooks(webhooks, digest);
  digest.Add(quota_bytes);
  AddOptional(retention, digest);
  for (MailboxConfig& mailbox : mailboxes) {
    SetFingerprint(mailbox);
    digest.Add(mailbox.fingerprint);
  }
  fingerprint = digest.Take();
}

}  // namespace mailhaul::config
