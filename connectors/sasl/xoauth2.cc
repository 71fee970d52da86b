#include "connectors/sasl/xoauth2.h"

#include <utility>

#include "connectors/sasl/bearer.h"

namespace mailhaul::sasl {

std::unique_ptr<Mechanism> MakeXoauth2(const Credentials& credentials) {
  BearerForm form;
  form.name = "XOAUTH2";
  form.prefix = "user=" + credentials.username + "\001auth=Bearer ";
  form.suffix = "\001\001";
  return std::make_unique<BearerMechanism>(std::move(form), credentials.access_token);
}

}  // namespace mailhaul::sasl
