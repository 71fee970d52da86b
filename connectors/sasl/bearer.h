// What XOAUTH2 and OAUTHBEARER share: one message with the token, and a refusal explained.
#pragma once

#include <string>
#include <string_view>

#include "connectors/sasl/mechanism.h"
#include "connectors/sasl/token_refusal.h"

namespace mailhaul::sasl {

struct BearerForm {
  std::string_view name;
  std::string prefix;  // What stands before the token.
  std::string_view suffix;
  std::string_view answer_to_refusal;
};

class BearerMechanism final : public Mechanism {
 public:
  BearerMechanism(BearerForm form, const Secret& access_token);

  std::string_view name() const override { return form_.name; }
  bool client_first() const override { return true; }
  Result<Secret> Respond(std::string_view challenge) override;
  Status Finish() override;
  Status Refused(const Status& refusal) const override { return refusal_.Explain(refusal); }

 private:
  const BearerForm form_;
  const Secret access_token_;
  bool sent_ = false;
  TokenRefusal refusal_;
};

}  // namespace mailhaul::sasl
