#include "connectors/sasl/oauthbearer.h"

#include <utility>

#include "connectors/sasl/bearer.h"
#include "connectors/sasl/scram_message.h"

namespace mailhaul::sasl {

std::unique_ptr<Mechanism> MakeOauthBearer(const Credentials& credentials,
                                           const MechanismContext& context) {
  BearerForm form;
  form.name = "OAUTHBEARER";
  form.prefix = "n,a=" + EscapeSaslName(credentials.username) + ",\001host=" + context.host +
                "\001port=" + std::to_string(context.port) + "\001auth=Bearer ";
  form.suffix = "\001\001";
  form.answer_to_refusal = "\001";
  return std::make_unique<BearerMechanism>(std::move(form), credentials.access_token);
}

}  // namespace mailhaul::sasl
