// What is known of a mail provider: its servers, its limits and its peculiarities. Data, from the
// files in configs/providers; the keys are in docs/configuration.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailhaul::config {

enum class Protocol : uint8_t { kImap, kPop3 };
enum class SecurityMode : uint8_t { kTls, kStartTls, kPlaintext };
enum class AuthKind : uint8_t { kPassword, kAppPassword, kOAuth2 };

// The registered ports; `smtp` is submission (RFC 8314).
uint16_t DefaultPort(Protocol protocol, SecurityMode security);
uint16_t DefaultSmtpPort(SecurityMode security);

struct MailServer {
  std::string host;  // Lower case.
  uint16_t port = 0;
  SecurityMode security = SecurityMode::kTls;  // Of a profile never kPlaintext.
};

// Limits of a provider, or of one host in the main file. Absent: not said.
struct PartialLimits {
  std::optional<uint32_t> connections;  // Of one egress address, like all but the last two.
  std::optional<uint32_t> connections_per_mailbox;
  std::optional<uint32_t> logins_per_second;
  std::optional<uint64_t> bytes_per_day;
  std::optional<uint64_t> mailbox_bytes_per_day;
  std::optional<uint64_t> pop3_mailbox_bytes_per_day;
};

struct SendLimits {  // Of one mailbox. Absent: not known.
  std::optional<uint32_t> connections;
  std::optional<uint32_t> messages_per_minute;
  std::optional<uint32_t> messages_per_day;
  std::optional<uint32_t> recipients_per_message;
  std::optional<uint32_t> recipients_per_day;
  std::optional<uint64_t> message_bytes;
};

struct ProviderProfile {
  std::string name;                  // Lower case; the pool of all its servers.
  std::vector<std::string> domains;  // Of mail addresses. All these are in lower case.
  std::vector<std::string> mx;       // Mail exchangers end in one of these, at a dot.
  std::vector<std::string> hosts;    // Further names of its servers.
  std::optional<MailServer> imap;
  std::optional<MailServer> pop3;
  std::optional<MailServer> smtp;
  std::vector<AuthKind> auth;  // What it takes, best first; empty: not known.
  std::string token_url;       // OAuth 2.0; "": not known.
  PartialLimits limits;
  SendLimits send;
  bool files_sent = false;          // It files what is sent in Sent by itself.
  bool creates_sent = false;        // A missing Sent folder may be created.
  std::vector<std::string> broken;  // IMAP capabilities not to use, in upper case.
  bool id_before_select = false;    // Folders open only after ID (RFC 2971).
  uint32_t command_bytes_max = 0;   // Of one IMAP command; 0: not known.
  uint32_t newest_per_folder = 0;   // It shows only so many; 0: all.
  bool pop3_partial = false;        // A POP3 session lists only a part of the mailbox.
  bool vague_auth_errors = false;   // A refused login may mean throttling.
  std::chrono::milliseconds pop3_check_interval{0};  // Earlier logins are refused; 0: not known.

  const std::optional<MailServer>& SourceServer(Protocol protocol) const;
  bool Accepts(AuthKind kind) const;  // True when nothing is known.
};

// The profiles in force, by what they are found by. Immutable once loaded.
class Providers final {
 public:
  using Profile = std::shared_ptr<const ProviderProfile>;  // Null: none.

  // Of two profiles that claim the same name, domain, server or suffix the later one has it, and
  // one of the same name disappears as a whole.
  void Add(ProviderProfile profile);

  // All in lower case. A domain, host or exchanger belongs to at most one profile.
  Profile ByName(const std::string& name) const;
  Profile ByDomain(const std::string& domain) const;
  Profile ByServer(const std::string& host) const;
  // The longest suffix that `exchanger` has, at a label's beginning: "google.com" is one of
  // "aspmx.l.google.com" and of itself, not of "notgoogle.com".
  Profile ByExchanger(std::string_view exchanger) const;

  const std::map<std::string, Profile>& profiles() const { return by_name_; }

 private:
  using Index = std::map<std::string, Profile, std::less<>>;
  static void Forget(Index& index, const Profile& profile);

  std::map<std::string, Profile> by_name_;
  Index by_domain_;
  Index by_server_;
  Index by_exchanger_;
};

}  // namespace mailhaul::config
