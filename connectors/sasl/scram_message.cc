#include "connectors/sasl/scram_message.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/text.h"

namespace mailhaul::sasl {
namespace {

constexpr size_t kShownBytesMax = 80;

Status Broken(std::string_view what, std::string_view value) {
  return {Code::kProtocol,
          "SCRAM: " + std::string(what) + ": \"" + EscapeForLog(value, kShownBytesMax) + "\""};
}

// Takes "<name>=<value>" and the comma behind it.
std::optional<std::string_view> TakeAttribute(char name, std::string_view* rest) {
  if (rest->size() < 2 || rest->front() != name || (*rest)[1] != '=') {
    return std::nullopt;
  }
  const size_t end = std::min(rest->find(','), rest->size());
  const std::string_view value = rest->substr(2, end - 2);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return value;
}

bool IsNonce(std::string_view text) {
  return text.size() <= kScramNonceBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

Result<uint32_t> ParseIterations(std::string_view text) {
  uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || text.front() == '0' || end != text.data() + text.size() ||
      (error != std::errc() && error != std::errc::result_out_of_range)) {
    return Broken("the iteration count is not a number", text);
  }
  if (error == std::errc::result_out_of_range || count > kScramIterationsMax) {
    return Broken("the server asks for more iterations than " + std::to_string(kScramIterationsMax),
                  text);
  }
  if (count < kScramIterationsMin) {
    return Broken("the server asks for fewer iterations than " +
                      std::to_string(kScramIterationsMin) + ", which would expose the password",
                  text);
  }
  return count;
}

Status ClassifyError(std::string_view error) {
  const std::string text =
      "SCRAM: the server refused the login: " + EscapeForLog(error, kShownBytesMax);
  if (error == "invalid-proof" || error == "unknown-user") {
    return {Code::kAuthFailed, text};
  }
  if (error == "no-resources") {
    return {Code::kThrottled, text};
  }
  if (error == "channel-bindings-dont-match" || error == "server-does-support-channel-binding") {
    return {Code::kTlsFailed, text + "; somebody may sit between us and the server"};
  }
  return {Code::kServerRefused, text};
}

}  // namespace

Result<ServerFirst> ParseServerFirst(std::string_view message, std::string_view client_nonce) {
  std::string_view rest = message;
  const std::optional<std::string_view> nonce = TakeAttribute('r', &rest);
  const std::optional<std::string_view> salt = TakeAttribute('s', &rest);
  const std::optional<std::string_view> iterations = TakeAttribute('i', &rest);
  if (!nonce.has_value() || !salt.has_value() || !iterations.has_value()) {
    return Broken(message.starts_with("m=") ? "the server wants an extension that is unknown here"
                                            : "not a first message of the server",
                  message);
  }
  if (!IsNonce(*nonce) || !nonce->starts_with(client_nonce) ||
      nonce->size() == client_nonce.size()) {
    return Broken("the server's nonce does not continue ours", *nonce);
  }
  ServerFirst first;
  first.nonce = std::string(*nonce);
  std::optional<std::string> decoded = Base64Decode(*salt);
  if (!decoded.has_value() || decoded->empty() || decoded->size() > kScramSaltBytesMax) {
    return Broken("the salt is not usable", *salt);
  }
  first.salt = std::move(*decoded);
  MH_ASSIGN_OR_RETURN(first.iterations, ParseIterations(*iterations));
  return first;
}

Result<std::string> ParseServerFinal(std::string_view message) {
  std::string_view rest = message;
  if (const auto error = TakeAttribute('e', &rest); error.has_value()) {
    return ClassifyError(*error);
  }
  const std::optional<std::string_view> verifier = TakeAttribute('v', &rest);
  std::optional<std::string> signature;
  if (verifier.has_value()) {
    signature = Base64Decode(*verifier);
  }
  if (!signature.has_value()) {
    return Broken("not a final message of the server", message);
  }
  return std::move(*signature);
}

std::string EscapeSaslName(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (c == '=') {
      escaped += "=3D";
    } else if (c == ',') {
      escaped += "=2C";
    } else {
      escaped.push_back(c);
    }
  }
  return escaped;
}

}  // namespace mailhaul::sasl
