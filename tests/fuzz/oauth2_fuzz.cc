// The answer of a token endpoint on arbitrary bytes. The first byte chooses the HTTP status.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "connectors/oauth2_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using mailhaul::Code;
  constexpr int kStatuses[] = {200, 400, 401, 403, 404, 429, 503};
  if (size == 0) {
    return 0;
  }
  mailhaul::HttpAnswer answer;
  answer.status = kStatuses[data[0] % std::size(kStatuses)];
  answer.retry_after = std::chrono::seconds(data[0]);
  answer.body = mailhaul::Secret(std::string(data + 1, data + size));
  const mailhaul::Secret refresh_token("secret-refresh-token");
  const mailhaul::Secret client_secret("secret-of-client");
  const auto tokens = mailhaul::ReadTokenAnswer(answer, refresh_token, client_secret);
  if (tokens.ok()) {
    MH_CHECK(answer.status == 200 && !tokens->access_token.empty());
    MH_CHECK(tokens->access_token.Reveal().size() <= mailhaul::kTokenBytesMax);
    MH_CHECK(tokens->access_token.Reveal().find_first_of(std::string_view("\0\r\n\001 ", 5)) ==
             std::string::npos);
    MH_CHECK(tokens->lifetime.count() >= 1 && tokens->lifetime <= mailhaul::kTokenLifetimeMax);
    return 0;
  }
  const mailhaul::Status& failure = tokens.status();
  MH_CHECK(answer.status < 429 || failure.code() == Code::kThrottled);
  MH_CHECK(failure.message().find(refresh_token.Reveal()) == std::string::npos);
  MH_CHECK(failure.message().find(client_secret.Reveal()) == std::string::npos);
  return 0;
}
