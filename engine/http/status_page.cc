#include "engine/http/status_page.h"

#include "base/base64.h"
#include "base/check.h"
#include "store/sha256.h"

namespace mailhaul::http {
namespace {

// Names the content of the page's one element of this name (CSP level 3, section 2.3.1).
std::string HashSource(const std::string& element) {
  const std::string_view page = StatusPageText();
  const std::string open = "<" + element + ">";
  const size_t begin = page.find(open) + open.size();
  const size_t end = page.find("</" + element + ">");
  MH_CHECK(begin > open.size() && begin < end && end != std::string_view::npos);
  const store::Sha256 hash = store::ComputeSha256(page.substr(begin, end - begin));
  return "'sha256-" + Base64Encode(std::string(hash.begin(), hash.end())) + "'";
}

}  // namespace

std::string StatusPagePolicy() {
  return "default-src 'none'; script-src " + HashSource("script") + "; style-src " +
         HashSource("style") +
         "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace mailhaul::http
