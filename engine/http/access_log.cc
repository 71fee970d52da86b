#include "engine/http/access_log.h"

#include "base/text.h"

namespace mailhaul::http {
namespace {

constexpr size_t kTokenBytes = 4;
constexpr size_t kMethodBytesMax = 16;
constexpr size_t kPathBytesMax = 300;

std::string OrDash(std::string text) { return text.empty() ? "-" : text; }

}  // namespace

std::string AccessLine(const Access& access) {
  const std::string_view path = access.target.substr(0, access.target.find('?'));
  return "HTTP " + std::string(access.request_id) + " " + EscapeForLog(access.peer) + " tenant " +
         OrDash(EscapeForLog(access.tenant)) + " token " +
         OrDash(HexEncode(std::string(access.token.substr(0, kTokenBytes)))) + " " +
         OrDash(EscapeForLog(access.method, kMethodBytesMax)) + " " +
         OrDash(EscapeForLog(path, kPathBytesMax)) + " " + std::to_string(access.status) + " " +
         std::to_string(access.bytes) + " bytes " + std::to_string(access.time.count()) + " us";
}

}  // namespace mailhaul::http
