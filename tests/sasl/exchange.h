// One step of a mechanism as a string, for tests that read like the RFC's examples.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "connectors/sasl/mechanism.h"

namespace mailhaul::sasl {

inline std::string Answer(Mechanism& mechanism, std::string_view challenge) {
  const Result<Secret> response = mechanism.Respond(challenge);
  EXPECT_TRUE(response.ok()) << response.status().ToString();
  return response.ok() ? std::string(response->Reveal()) : "(failed)";
}

inline Code Refusal(Mechanism& mechanism, std::string_view challenge) {
  return mechanism.Respond(challenge).status().code();
}

inline Credentials PasswordOf(std::string username, std::string password) {
  Credentials credentials;
  credentials.username = std::move(username);
  credentials.password = Secret(std::move(password));
  return credentials;
}

inline Credentials TokenOf(std::string username, std::string token) {
  Credentials credentials;
  credentials.username = std::move(username);
  credentials.access_token = Secret(std::move(token));
  return credentials;
}

}  // namespace mailhaul::sasl
