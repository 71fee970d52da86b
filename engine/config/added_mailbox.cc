#include "engine/config/added_mailbox.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "base/text.h"
#include "engine/config/fingerprint.h"
#include "engine/config/json_tree.h"
#include "engine/config/mailbox_section.h"
#include "engine/config/map_reader.h"
#include "engine/config/references.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr std::array<std::string_view, 3> kSecurity = {"tls", "starttls", "plaintext"};
constexpr size_t kUserNameBytesMax = 1024;
constexpr size_t kMadeIdBytes = 16;  // Of a hash, where the address cannot be the id.

class NoReferences final : public References {
 public:
  bool are_allowed() const override { return false; }
  const char* Environment(const std::string& /*name*/) override { return nullptr; }
  Result<FileText> ReadFile(const std::string& /*path*/, size_t /*bytes_max*/) override {
    return Status(Code::kInvalidArgument, "refused");
  }
};

std::string MadeId(const std::string& address) {
  const std::string lowered = AsciiLowered(address);
  if (IsName(lowered, kMailboxIdBytesMax)) {
    return lowered;
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash;
  SHA256(reinterpret_cast<const unsigned char*>(lowered.data()), lowered.size(), hash.data());
  return "m-" + HexEncode({reinterpret_cast<const char*>(hash.data()), kMadeIdBytes / 2});
}

// The reader wants an id: gives the map one, unless it has its own.
void CompleteId(Node& root, std::string_view id) {
  const Node* address = nullptr;
  for (size_t i = 0; i < root.children.size(); i += 2) {
    if (root.children[i].text == "id") {
      return;
    }
    if (root.children[i].text == "address") {
      address = &root.children[i + 1];
    }
  }
  Node value;
  value.kind = Node::Kind::kScalar;
  value.quoted = true;
  value.position = root.position;
  value.text = !id.empty()          ? std::string(id)
               : address != nullptr ? MadeId(address->text)
                                    : std::string("unnamed");  // It is refused for its address.
  Node key = value;
  key.text = "id";
  root.children.push_back(std::move(key));
  root.children.push_back(std::move(value));
}

std::variant<MailboxConfig, RefusedBody> ReadTree(JsonTree tree, std::string_view id,
                                                  const Providers& providers) {
  if (tree.root.kind == Node::Kind::kMap) {
    CompleteId(tree.root, id);
  }
  NoReferences references;
  Report report("", /*fatal=*/false);
  MailboxConfig mailbox = ReadMailbox(tree.root, providers, references, report);
  if (!id.empty() && !report.failed() && mailbox.id != id) {
    report.Error(tree.root.position, "'id' must be that of the path, or absent");
  }
  if (report.failed()) {
    RefusedBody refused;
    for (Problem& problem : report.Take()) {
      if (!problem.warning) {
        refused.problems.push_back(
            {.field = tree.PathOf(problem.line), .message = std::move(problem.message)});
      }
    }
    return refused;
  }
  mailbox.added = true;
  SetFingerprint(mailbox);
  return mailbox;
}

boost::json::object ToJson(const Server& server) {
  return {{"host", server.host},
          {"port", server.port},
          {"security", kSecurity[static_cast<size_t>(server.security)]},
          {"username", server.username}};
}

void ReadFound(const Node& node, Report& report, Server& server) {
  const MapReader reader(node, "what was found", {{"host", "port", "security", "username"}},
                         report);
  reader.Text("host", kHostBytesMax, server.host);
  reader.Integer<uint16_t>("port", {1, 65535}, server.port);
  size_t security = 0;
  if (reader.Choice("security", Words(kSecurity.begin(), kSecurity.end()), {}, security)) {
    server.security = static_cast<SecurityMode>(security);
  }
  reader.Text("username", kUserNameBytesMax, server.username);
}

// As autodiscovery left it when it was added.
void TakeFound(const MapReader& found, const Providers& providers, Report& report,
               MailboxConfig& mailbox) {
  const Node* const source = found.Find("source");
  const Node* const submission = found.Find("submission");
  if (source == nullptr) {
    return;
  }
  std::optional<Server> sends = mailbox.submission;
  if (submission != nullptr) {
    sends = mailbox.submission.value_or(mailbox.source);
    ReadFound(*submission, report, *sends);
  }
  ReadFound(*source, report, mailbox.source);
  mailbox.submission = submission == nullptr ? std::nullopt : std::move(sends);
  mailbox.profile = providers.ByServer(mailbox.source.host);
  mailbox.pool = mailbox.profile == nullptr ? mailbox.source.host : mailbox.profile->name;
}

Node* FindIn(Node& map, std::string_view key) {
  for (size_t i = 0; map.kind == Node::Kind::kMap && i < map.children.size(); i += 2) {
    if (map.children[i].text == key) {
      return &map.children[i + 1];
    }
  }
  return nullptr;
}

Status Unreadable(const std::string& why) {
  return {Code::kCorrupt, "its definition in the store cannot be used: " + why};
}

}  // namespace

std::variant<MailboxConfig, RefusedBody> ReadMailboxBody(std::string_view body, std::string_view id,
                                                         const Providers& providers) {
  std::variant<JsonTree, std::string> parsed = ParseJson(body);
  if (const std::string* why = std::get_if<std::string>(&parsed)) {
    return RefusedBody{.is_json = false,
                       .problems = {{.field = "", .message = "the body is not JSON: " + *why}}};
  }
  return ReadTree(std::get<JsonTree>(std::move(parsed)), id, providers);
}

std::string EncodeAdded(std::string_view body, const MailboxConfig& mailbox) {
  boost::json::object found{{"source", ToJson(mailbox.source)}};
  if (mailbox.submission) {
    found.emplace("submission", ToJson(*mailbox.submission));
  }
  std::string record =
      "{\"version\":1,\"found\":" + boost::json::serialize(found) + ",\"mailbox\":";
  record.reserve(record.size() + body.size() + 1);  // Grown, it would leave copies.
  return record.append(body).append("}");
}

Result<MailboxConfig> DecodeAdded(std::string_view record, std::string_view id,
                                  const Providers& providers) {
  std::variant<JsonTree, std::string> parsed = ParseJson(record);
  if (const std::string* why = std::get_if<std::string>(&parsed)) {
    return Unreadable(*why);
  }
  JsonTree tree = std::get<JsonTree>(std::move(parsed));
  Report report("", /*fatal=*/false);
  const MapReader reader(tree.root, "it", {{"version", "found", "mailbox"}}, report);
  uint32_t version = 0;
  reader.Integer<uint32_t>("version", {1, 1}, version);
  Node* const body = FindIn(tree.root, "mailbox");
  const Node* const found = reader.Require("found");
  if (report.failed() || body == nullptr || version == 0) {
    return Unreadable("it is of another version");
  }
  JsonTree own{.root = std::move(*body), .paths = tree.paths};
  std::variant<MailboxConfig, RefusedBody> read = ReadTree(std::move(own), id, providers);
  if (const RefusedBody* refused = std::get_if<RefusedBody>(&read)) {
    const FieldProblem& first = refused->problems.front();
    return Unreadable(first.field + ": " + first.message);
  }
  MailboxConfig mailbox = std::get<MailboxConfig>(std::move(read));
  if (mailbox.source.host.empty()) {
    TakeFound(MapReader(*found, "'found'", {{"source", "submission"}}, report), providers, report,
              mailbox);
  }
  return report.failed() ? Result<MailboxConfig>(Unreadable(report.Take().front().message))
                         : Result<MailboxConfig>(std::move(mailbox));
}

}  // namespace mailhaul::config
