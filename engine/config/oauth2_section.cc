#include "engine/config/oauth2_section.h"

#include <utility>

#include "engine/config/map_reader.h"
#include "engine/config/secret_value.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr size_t kUrlBytesMax = 2048;
constexpr size_t kClientIdBytesMax = 1024;

bool ReadTokenUrl(const MapReader& reader, Report& report, std::string& out) {
  const Node* node = out.empty() ? reader.Require("token_url") : reader.Find("token_url");
  if (node == nullptr) {
    return !out.empty();
  }
  if (!ReadText(*node, "token_url", kUrlBytesMax, report, out)) {
    return false;
  }
  if (!IsHttpsUrl(out) && !IsLoopbackHttpUrl(out)) {
    report.Error(node->position, "'token_url' must be an https:// URL");
    return false;
  }
  return true;
}

}  // namespace

bool ReadOAuth2(const Node& node, const std::string& token_url, References& references,
                Report& report, OAuth2& out) {
  const MapReader reader(node, "'oauth2'",
                         {{"token_url", "client_id", "client_secret", "refresh_token"}, {}, true},
                         report);
  OAuth2 oauth2;
  oauth2.token_url = token_url;
  bool good = ReadTokenUrl(reader, report, oauth2.token_url);
  const Node* client_id = reader.Require("client_id");
  good = client_id != nullptr &&
         ReadText(*client_id, "client_id", kClientIdBytesMax, report, oauth2.client_id) && good;
  if (const Node* secret = reader.Find("client_secret")) {  // Public clients have none.
    good = ReadSecret(*secret, "client secret", references, report, oauth2.client_secret) && good;
  }
  const Node* refresh_token = reader.Require("refresh_token");
  good = refresh_token != nullptr &&
         ReadSecret(*refresh_token, "refresh token", references, report, oauth2.refresh_token) &&
         good;
  if (good) {
    out = std::move(oauth2);
  }
  return good;
}

}  // namespace mailhaul::config
