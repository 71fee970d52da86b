#include "connectors/autodiscover/autoconfig.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>
#include <utility>

#include "base/text.h"
#include "connectors/autodiscover/xml_bounds.h"
#include "connectors/net/host_name.h"

namespace mailhaul::autodiscover {
namespace {

constexpr size_t kTextBytesMax = 1024;

// As a value of a URL's query (RFC 3986 section 2.3).
std::string PercentEncoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const char lower = AsciiLower(c);
    const bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kHex[byte >> 4];
      encoded += kHex[byte & 15];
    }
  }
  return encoded;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The text of the child, with the address filled in; "" when it is absent or too long.
std::string TextOf(const pugi::xml_node& node, const char* child, const AddressParts& address) {
  const std::string_view text = Trimmed(node.child_value(child));
  if (text.size() > kTextBytesMax) {
    return "";
  }
  const std::pair<std::string_view, std::string_view> kPlaces[] = {
      {"%EMAILADDRESS%", address.address},
      {"%EMAILLOCALPART%", address.local},
      {"%EMAILDOMAIN%", address.domain},
  };
  std::string filled;
  for (size_t at = 0; at < text.size();) {
    const auto* place = std::find_if(
        std::begin(kPlaces), std::end(kPlaces),
        [&](const auto& candidate) { return text.substr(at).starts_with(candidate.first); });
    if (place == std::end(kPlaces)) {
      filled += text[at];
      ++at;
    } else {
      filled += place->second;
      at += place->first.size();
    }
    if (filled.size() > kUserNameBytesMax) {
      return "";
    }
  }
  return filled;
}

bool ReadService(const pugi::xml_node& node, FoundServer& server) {
  const std::string_view type = node.attribute("type").value();
  if (std::string_view(node.name()) == "outgoingServer") {
    server.service = Service::kSubmission;
    return type == "smtp";
  }
  server.service = type == "pop3" ? Service::kPop3 : Service::kImap;
  return type == "pop3" || type == "imap";
}

bool ReadTransport(const pugi::xml_node& node, const AddressParts& address, FoundServer& server) {
  const std::string_view socket = Trimmed(node.child_value("socketType"));
  if (socket != "SSL" && socket != "STARTTLS") {
    return false;
  }
  server.address.security = socket == "SSL" ? Security::kTls : Security::kStartTls;
  const std::string_view port = Trimmed(node.child_value("port"));
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), server.address.port);
  if (parsed.ec != std::errc() || parsed.ptr != port.data() + port.size() ||
      server.address.port == 0) {
    return false;
  }
  Result<std::string> host = net::CanonicalHost(TextOf(node, "hostname", address));
  if (!host.ok() || !net::IsCanonicalName(*host)) {
    return false;
  }
  server.address.host = std::move(host).value();
  return true;
}

// Several <authentication> may stand side by side. None means a password.
bool ReadAuthentication(const pugi::xml_node& node, FoundServer& server) {
  bool any = false;
  server.password = false;
  for (const pugi::xml_node& child : node.children("authentication")) {
    const std::string_view kind = Trimmed(child.child_value());
    any = true;
    // "plain" and "secure" are the older names.
    server.password = server.password || kind == "password-cleartext" ||
                      kind == "password-encrypted" || kind == "plain" || kind == "secure";
    server.oauth2 = server.oauth2 || kind == "OAuth2";
  }
  server.password = server.password || !any;
  return server.password || server.oauth2;
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
}

bool ReadServer(const pugi::xml_node& node, const AddressParts& address, FoundServer& server) {
  if (!ReadService(node, server) || !ReadTransport(node, address, server) ||
      !ReadAuthentication(node, server)) {
    return false;
  }
  server.username = TextOf(node, "username", address);
  if (server.username.empty()) {
    server.username = address.address;
  }
  return !HasControlCharacter(server.username);
}

}  // namespace

std::vector<std::string> AutoconfigUrls(const AddressParts& address) {
  return {
      "https://autoconfig." + address.domain +
          "/mail/config-v1.1.xml?emailaddress=" + PercentEncoded(address.address),
      "https://" + address.domain + "/.well-known/autoconfig/mail/config-v1.1.xml",
  };
}

Result<std::vector<FoundServer>> ParseAutoconfig(std::string_view xml, const AddressParts& address,
                                                 std::string_view origin) {
  MH_RETURN_IF_ERROR(CheckXml(xml));
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol,
      pugi::encoding_utf8);
  if (!parsed) {
    return Status(Code::kProtocol, std::string("not XML: ") + parsed.description());
  }
  const pugi::xml_node provider = document.child("clientConfig").child("emailProvider");
  if (!provider) {
    return Status(Code::kProtocol, "the XML has no clientConfig with an emailProvider");
  }
  std::vector<FoundServer> servers;
  for (const pugi::xml_node& child : provider.children()) {
    const std::string_view name = child.name();
    FoundServer server;
    if ((name == "incomingServer" || name == "outgoingServer") && servers.size() < kServersMax &&
        ReadServer(child, address, server)) {
      server.trusted = true;
      server.origin = origin;
      servers.push_back(std::move(server));
    }
  }
  return servers;
}

}  // namespace mailhaul::autodiscover
