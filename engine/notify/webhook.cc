#include "engine/notify/webhook.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/ids.h"
#include "base/text.h"
#include "store/sha256.h"

namespace mailhaul::notify {
namespace {

namespace json = boost::json;

constexpr size_t kNameHashBytes = 16;
constexpr uint32_t kDoublingsMax = 16;  // Beyond kRetryMax.

json::string Text(std::string_view text) {
  return json::string(json::string_view(text.data(), text.size()));
}

// What is not of the form that names its coding is the key itself.
Secret KeyOf(const Secret& secret) {
  constexpr std::string_view kEncoded = "whsec_";
  if (secret.Reveal().starts_with(kEncoded)) {
    std::optional<std::string> key = Base64Decode(secret.Reveal().substr(kEncoded.size()));
    if (key.has_value()) {
      return Secret(std::move(*key));
    }
  }
  return secret;
}

}  // namespace

std::string Webhook::Name() const {
  const store::Sha256 hash = store::ComputeSha256(url);
  return tenant + " " + HexEncode(std::string(hash.begin(), hash.begin() + kNameHashBytes));
}

std::string Webhook::Host() const {
  const size_t scheme = url.find("://");
  const std::string rest = scheme == std::string::npos ? url : url.substr(scheme + 3);
  const std::string authority = rest.substr(0, rest.find_first_of("/?#"));
  return authority.substr(authority.rfind('@') + 1);
}

bool Webhook::Wants(store::ChangeEntry::Type type) const {
  return events.empty() ||
         std::find(events.begin(), events.end(), store::ToString(type)) != events.end();
}

bool Webhook::IsSame(const Webhook& other) const {
  return tenant == other.tenant && url == other.url &&
         secret.EqualsInConstantTime(other.secret.Reveal()) && events == other.events;
}

std::string EventId(const Event& event) {
  return FormatId(event.change.shard) + "." + FormatId(event.change.sequence);
}

std::string PostId(const std::vector<Event>& events) {
  std::string ids;
  for (const Event& event : events) {
    ids += EventId(event) + " ";
  }
  const store::Sha256 hash = store::ComputeSha256(ids);
  return "msg_" + HexEncode(std::string(hash.begin(), hash.begin() + kNameHashBytes));
}

std::string BodyOf(const Webhook& webhook, const std::vector<Event>& events, bool missed) {
  json::array list;
  for (const Event& event : events) {
    const store::ChangeEntry& entry = event.change.entry;
    const bool of_submission = entry.type == store::ChangeEntry::Type::kSubmissionUpdated;
    const json::value id =
        entry.message.value == 0 ? json::value() : json::value(Text(FormatId(entry.message.value)));
    json::object told = {{"id", Text(EventId(event))},
                         {"type", Text(store::ToString(entry.type))},
                         {"mailbox", Text(event.mailbox)},
                         {"message", of_submission ? json::value() : id}};
    if (of_submission) {
      told["submission"] = id;
    }
    list.push_back(std::move(told));
  }
  const json::object body = {
      {"tenant", Text(webhook.tenant)}, {"events", std::move(list)}, {"missed", missed}};
  return json::serialize(body);
}

int64_t SecondsOf(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

std::string SignatureOf(const Secret& secret, std::string_view post_id, int64_t seconds,
                        std::string_view body) {
  const std::string text =
      std::string(post_id) + "." + std::to_string(seconds) + "." + std::string(body);
  const Secret key = KeyOf(secret);
  std::array<unsigned char, EVP_MAX_MD_SIZE> code = {};
  unsigned int size = 0;
  const unsigned char* made =
      HMAC(EVP_sha256(), key.Reveal().data(), static_cast<int>(key.Reveal().size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), code.data(), &size);
  MH_CHECK(made != nullptr);
  return "v1," + Base64Encode({reinterpret_cast<const char*>(code.data()), size});
}

Duration RetryDelay(uint32_t failures, std::chrono::seconds retry_after, Random& random) {
  const uint32_t doublings = std::min(failures - 1, kDoublingsMax);
  const std::chrono::milliseconds whole =
      std::min<std::chrono::milliseconds>(kRetryFirst * (uint64_t{1} << doublings), kRetryMax);
  const auto half = static_cast<uint64_t>(whole.count() / 2);
  const std::chrono::milliseconds jittered(static_cast<int64_t>(half + random.Below(half + 1)));
  return std::max<Duration>(jittered, std::min(retry_after, kRetryMax));
}

}  // namespace mailhaul::notify
