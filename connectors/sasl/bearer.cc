#include "connectors/sasl/bearer.h"

#include <utility>

#include "connectors/sasl/secret_text.h"
#include "connectors/sasl/step.h"

namespace mailhaul::sasl {

BearerMechanism::BearerMechanism(BearerForm form, const Secret& access_token)
    : form_(std::move(form)), access_token_(access_token) {}

Result<Secret> BearerMechanism::Respond(std::string_view challenge) {
  if (refusal_.given() || sent_ == challenge.empty() || challenge.size() > kChallengeBytesMax) {
    return UnexpectedChallenge(name(), challenge);
  }
  if (sent_) {
    refusal_.Read(challenge, access_token_);
    return Concatenate({form_.answer_to_refusal});
  }
  sent_ = true;
  return Concatenate({form_.prefix, access_token_.Reveal(), form_.suffix});
}

Status BearerMechanism::Finish() {
  if (!sent_) {
    return EarlySuccess(name());
  }
  return refusal_.given() ? refusal_.Explain({Code::kAuthFailed, "and then reported success"})
                          : Status::Ok();
}

}  // namespace mailhaul::sasl
