#include "engine/config/mailbox_section.h"

#include "engine/config/server_section.h"
#include "engine/config/text_rules.h"

namespace mailhaul::config {
namespace {

constexpr std::string_view kNameRule = "letters, digits and . _ - @ + only, at most ";

}  // namespace

bool ReadName(const MapReader& reader, std::string_view key, size_t bytes_max, Report& report,
              std::string& out) {
  const Node* node = reader.Require(key);
  if (node == nullptr) {
    return false;
  }
  if (node->kind != Node::Kind::kScalar || !IsName(node->text, bytes_max)) {
    report.Error(node->position, "'" + std::string(key) + "' must be a name: " +
                                     std::string(kNameRule) + std::to_string(bytes_max) + " bytes");
    return false;
  }
  out = node->text;
  return true;
}

MailboxConfig ReadMailbox(const Node& node, const Providers& providers, References& references,
                          Report& report) {
  const MapReader reader(node, "a mailbox",
                         {{"id", "address", "source", "submission"}, {"signature"}}, report);
  MailboxConfig mailbox;
  ReadName(reader, "id", kMailboxIdBytesMax, report, mailbox.id);
  const Node* address = reader.Require("address");
  if (address != nullptr &&
      ReadText(*address, "address", kMailAddressBytesMax, report, mailbox.address) &&
      !IsMailAddress(mailbox.address)) {
    report.Error(address->position, "'address' must be a mail address such as alice@example.com");
  }
  if (const Node* source = reader.Require("source")) {
    ReadSource(*source, providers, references, report, mailbox);
  }
  ReadSubmission(reader.Find("submission"), references, report, mailbox);
  return mailbox;
}

}  // namespace mailhaul::config
