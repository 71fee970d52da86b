#include "connectors/net/dns_records.h"

#include <ares.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "connectors/net/host_name.h"

namespace mailhaul::net {
namespace {

struct AresFreer {
  void operator()(void* data) const { ares_free_data(data); }
};

const unsigned char* BytesOf(std::string_view answer) {
  return reinterpret_cast<const unsigned char*>(answer.data());
}

Status Malformed(int ares_status) {
  return {Code::kProtocol,
          std::string("the name server's answer is malformed: ") + ares_strerror(ares_status)};
}

std::string NameOf(const char* text) {
  std::string name = AsciiLowered(text);
  if (!name.empty() && name.back() == '.') {
    name.pop_back();
  }
  return name;
}

}  // namespace

Result<std::vector<MxRecord>> ParseMxAnswer(std::string_view answer) {
  ares_mx_reply* replies = nullptr;
  const int status =
      ares_parse_mx_reply(BytesOf(answer), static_cast<int>(answer.size()), &replies);
  const std::unique_ptr<ares_mx_reply, AresFreer> owned(replies);
  std::vector<MxRecord> records;
  if (status == ARES_ENODATA) {
    return records;
  }
  if (status != ARES_SUCCESS) {
    return Malformed(status);
  }
  for (const ares_mx_reply* reply = replies; reply != nullptr && records.size() < kRecordsMax;
       reply = reply->next) {
    std::string host = NameOf(reply->host);
    if (IsCanonicalName(host)) {
      records.push_back({.preference = reply->priority, .host = std::move(host)});
    }
  }
  std::stable_sort(records.begin(), records.end(), [](const MxRecord& a, const MxRecord& b) {
    return a.preference < b.preference;
  });
  return records;
}

Result<std::vector<SrvRecord>> ParseSrvAnswer(std::string_view answer) {
  ares_srv_reply* replies = nullptr;
  const int status =
      ares_parse_srv_reply(BytesOf(answer), static_cast<int>(answer.size()), &replies);
  const std::unique_ptr<ares_srv_reply, AresFreer> owned(replies);
  std::vector<SrvRecord> records;
  if (status == ARES_ENODATA) {
    return records;
  }
  if (status != ARES_SUCCESS) {
    return Malformed(status);
  }
  for (const ares_srv_reply* reply = replies; reply != nullptr && records.size() < kRecordsMax;
       reply = reply->next) {
    std::string host = NameOf(reply->host);
    if (host.empty() || IsCanonicalName(host)) {
      records.push_back({.priority = reply->priority,
                         .weight = reply->weight,
                         .port = reply->port,
                         .host = std::move(host)});
    }
  }
  std::stable_sort(records.begin(), records.end(), [](const SrvRecord& a, const SrvRecord& b) {
    return std::tuple(a.priority, b.weight) < std::tuple(b.priority, a.weight);
  });
  return records;
}

}  // namespace mailhaul::net
