#include "engine/config/secret_value.h"

#include <openssl/sha.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "engine/config/map_reader.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr size_t kPathBytesMax = 4096;
constexpr size_t kSha256HexBytes = 64;

// Checks what came from `where` before it may go on the wire.
bool Accept(std::string value, std::string_view what, Position where, Report& report, Secret& out) {
  const std::string name(what);
  Secret secret(std::move(value));
  if (secret.empty()) {
    report.Error(where, name + " is empty");
  } else if (secret.Reveal().size() > kSecretBytesMax) {
    report.Error(where, name + " is longer than " + std::to_string(kSecretBytesMax) + " bytes");
  } else if (!IsValidUtf8(secret.Reveal()) || HasControlCharacter(secret.Reveal())) {
    report.Error(where, name + " is not UTF-8 text of one line without control characters");
  } else {
    out = std::move(secret);
    return true;
  }
  return false;
}

bool ReadFromEnvironment(const Node& node, References& references, Report& report, Secret& out) {
  if (node.kind != Node::Kind::kScalar || !IsVariableName(node.text)) {
    report.Error(node.position, "'env' must be the name of an environment variable");
    return false;
  }
  const char* value = references.Environment(node.text);
  if (value == nullptr) {
    report.Error(node.position, "the environment variable " + node.text + " is not set");
    return false;
  }
  return Accept(value, "the value of the environment variable " + node.text, node.position, report,
                out);
}

bool ReadFromFile(const Node& node, References& references, Report& report, Secret& out) {
  std::string path;
  if (!ReadText(node, "file", kPathBytesMax, report, path)) {
    return false;
  }
  path = ResolvePath(report.file(), path);
  Result<FileText> read = references.ReadFile(path, kSecretBytesMax + 2);
  if (!read.ok()) {
    report.Error(node.position, CannotRead(path, read.status()));
    return false;
  }
  if (read->readable_by_others) {
    report.Warning(node.position, "other users can read this file; " + std::string(kModeThatMends));
  }
  std::string& value = read->bytes;
  if (value.ends_with('\n')) {  // Editors and echo end a file with one.
    value.resize(value.size() - (value.ends_with("\r\n") ? 2 : 1));
  }
  return Accept(std::move(value), "the content of the file", node.position, report, out);
}

// From exactly one of the keys env and file; `others` counts further ones that were given.
bool ReadReference(const MapReader& reader, size_t others, std::string_view expected,
                   References& references, Report& report, Secret& out) {
  if (!references.are_allowed()) {
    report.Error(reader.position(),
                 "a reference to the server's environment or files is refused here; give the text "
                 "itself");
    return false;
  }
  const Node* env = reader.Find("env");
  const Node* file = reader.Find("file");
  if ((env != nullptr ? 1U : 0U) + (file != nullptr ? 1U : 0U) + others != 1) {
    report.Error(reader.position(), "give exactly one of " + std::string(expected));
    return false;
  }
  return env != nullptr ? ReadFromEnvironment(*env, references, report, out)
                        : ReadFromFile(*file, references, report, out);
}

bool ReadSha256(const Node& node, Report& report, std::string& out) {
  const bool sized = node.kind == Node::Kind::kScalar && node.text.size() == kSha256HexBytes;
  std::optional<std::string> hash = sized ? HexDecode(node.text) : std::nullopt;
  if (!hash) {
    report.Error(node.position,
                 "'sha256' must be 64 hexadecimal digits: the hash of the token, without what "
                 "sha256sum prints after it");
    return false;
  }
  out = *std::move(hash);
  return true;
}

bool ReadScopes(const Node& node, Report& report, std::vector<std::string>& out) {
  const Words known = {"read", "send", "admin"};
  std::vector<std::string> scopes;
  if (node.kind != Node::Kind::kList || node.children.empty() ||
      node.children.size() > kScopesMax) {
    report.Error(node.position, "'scopes' must be a list of " + Listed(known));
    return false;
  }
  bool good = true;
  for (const Node& item : node.children) {
    if (std::find(known.begin(), known.end(), item.text) == known.end()) {
      report.Error(item.position, "a scope must be one of " + Listed(known));
      good = false;
    } else if (std::find(scopes.begin(), scopes.end(), item.text) != scopes.end()) {
      report.Error(item.position, "the scope '" + item.text + "' is given twice");
      good = false;
    } else {
      scopes.push_back(item.text);
    }
  }
  out = std::move(scopes);
  return good;
}

// RFC 6750 allows fewer characters in a header; what cannot be sent at all is refused here.
bool IsSendableToken(std::string_view token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

std::string Sha256(std::string_view bytes) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

}  // namespace

bool ReadMasterKey(const Node& node, References& references, Report& report, Secret& out) {
  Secret text;
  if (!ReadSecret(node, "master_key", references, report, text)) {
    return false;
  }
  std::optional<std::string> key = HexDecode(text.Reveal());
  if (!key || key->size() != kMasterKeyBytes) {
    report.Error(node.position,
                 "a master key is 64 hexadecimal digits; `openssl rand -hex 32` makes one");
    return false;
  }
  out = Secret(std::move(*key));
  return true;
}

bool ReadPassword(const Node& node, References& references, Report& report, Secret& out) {
  return ReadSecret(node, "password", references, report, out);
}

bool ReadSecret(const Node& node, std::string_view what, References& references, Report& report,
                Secret& out) {
  const std::string name(what);
  if (node.kind == Node::Kind::kScalar) {
    report.NoteInlineSecret(node.position);
    return Accept(node.text, "the " + name, node.position, report, out);
  }
  if (node.kind != Node::Kind::kMap) {
    report.Error(node.position, "a " + name + " is {env: NAME}, {file: PATH} or text in quotes");
    return false;
  }
  const MapReader reader(node, "a " + name, {{"env", "file"}, {}, true}, report);
  return ReadReference(reader, 0, "'env', 'file'", references, report, out);
}

bool ReadToken(const Node& node, References& references, Report& report, Token& out) {
  if (node.kind != Node::Kind::kMap) {
    report.Error(node.position, "a token is {sha256: HASH}, {env: NAME} or {file: PATH}");
    return false;
  }
  const MapReader reader(node, "a token", {{"sha256", "env", "file", "scopes"}, {}, true}, report);
  Token token;
  token.scopes = {"read", "send"};
  bool good = true;
  if (const Node* scopes = reader.Find("scopes")) {
    good = ReadScopes(*scopes, report, token.scopes);
  }
  const Node* sha256 = reader.Find("sha256");
  if (sha256 != nullptr && reader.Find("env") == nullptr && reader.Find("file") == nullptr) {
    good = ReadSha256(*sha256, report, token.sha256) && good;
  } else {
    Secret secret;
    if (!ReadReference(reader, sha256 == nullptr ? 0 : 1, "'sha256', 'env', 'file'", references,
                       report, secret)) {
      return false;
    }
    if (!IsSendableToken(secret.Reveal())) {
      report.Error(node.position, "a token must be visible ASCII characters without spaces");
      return false;
    }
    token.sha256 = Sha256(secret.Reveal());
  }
  if (good) {
    out = std::move(token);
  }
  return good;
}

}  // namespace mailhaul::config
