// Answers what it is told to, and remembers what it was asked.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/http/mailbox_admin.h"

namespace mailhaul::http {

class FakeMailboxAdmin final : public MailboxAdmin {
 public:
  net::Task<MailboxOutcome> Add(MailboxRequest request) override {
    const bool absent = request.replaces && !Has(request.tenant, request.name);
    added.push_back(std::move(request));
    co_return absent ? MailboxOutcome{.status = 404, .name = ""} : outcome;
  }
  net::Task<MailboxOutcome> Remove(std::string tenant, std::string name) override {
    removed.push_back(tenant + "/" + name);
    co_return Has(tenant, name) ? outcome : MailboxOutcome{.status = 404, .name = ""};
  }
  bool Has(const std::string& tenant, const std::string& name) const {
    const auto found = known == nullptr ? Known::const_iterator() : known->find(tenant);
    return known == nullptr ||
           (found != known->end() &&
            std::find(found->second.begin(), found->second.end(), name) != found->second.end());
  }

  using Known = std::map<std::string, std::vector<std::string>, std::less<>>;
  const Known* known = nullptr;  // Others it does not find; null: it finds all.

  MailboxOutcome outcome;
  std::vector<MailboxRequest> added;
  std::vector<std::string> removed;
};

}  // namespace mailhaul::http
