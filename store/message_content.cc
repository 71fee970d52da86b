#include "store/message_content.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "message_generated.h"
#include "store/flat_record.h"

namespace mailhaul::store {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
template <typename T>
using TableVector = flatbuffers::Vector<Offset<T>>;

// Upper bounds of what FlatBuffers spends besides the bytes of the texts.
constexpr size_t kStringOverhead = 12;   // Length, terminator, padding, offset.
constexpr size_t kAddressOverhead = 24;  // Table, offset in the list.
constexpr size_t kAttachmentOverhead = 48;
constexpr size_t kRootOverhead = 512;  // Root table, all table layouts, list lengths.

std::string_view Clip(std::string_view text) { return Utf8Prefix(text, kContentTextBytesMax); }
size_t Cost(std::string_view text) { return Clip(text).size() + kStringOverhead; }
size_t Cost(const std::string& text) { return Cost(std::string_view(text)); }
size_t Cost(const Address& address) {
  return Cost(address.name) + Cost(address.email) + kAddressOverhead;
}
size_t Cost(const Attachment& attachment) {
  return Cost(attachment.filename) + Cost(attachment.content_type) + Cost(attachment.content_id) +
         kAttachmentOverhead;
}

// How many entries of a list are kept, and what they cost.
struct ListCut {
  std::vector<size_t> costs;
  size_t kept = 0;
  size_t bytes = 0;
};

template <typename T>
ListCut Measure(const std::vector<T>& list) {
  ListCut cut;
  for (const T& entry : list) {
    const size_t cost = Cost(entry);
    if (cut.bytes + cost > kContentBytesMax) {
      break;  // Would never fit, whatever else is cut.
    }
    cut.costs.push_back(cost);
    cut.bytes += cost;
  }
  cut.kept = cut.costs.size();
  return cut;
}

enum List : size_t { kReferences, kFrom, kTo, kCc, kBcc, kReplyTo, kAttachments, kLists };
using ListCuts = std::array<ListCut, kLists>;

// Takes entries from the end of whichever list is longest, until the record fits.
void CutToFit(ListCuts& cuts, size_t texts_bytes) {
  size_t total = texts_bytes;
  for (const ListCut& cut : cuts) {
    total += cut.bytes;
  }
  while (total > kContentBytesMax) {
    ListCut& longest =
        *std::max_element(cuts.begin(), cuts.end(),
                          [](const ListCut& a, const ListCut& b) { return a.bytes < b.bytes; });
    MH_CHECK(longest.kept > 0);  // The texts alone always fit.
    const size_t cost = longest.costs[--longest.kept];
    longest.bytes -= cost;
    total -= cost;
  }
}

ListCuts PlanCuts(const MessageContent& content) {
  ListCuts cuts = {Measure(content.references), Measure(content.from), Measure(content.to),
                   Measure(content.cc),         Measure(content.bcc),  Measure(content.reply_to),
                   Measure(content.attachments)};
  const size_t texts = kRootOverhead + Cost(content.message_id) + Cost(content.in_reply_to) +
                       Cost(content.subject) + Cost(content.preview) +
                       Cost(content.unparsed_reason);
  CutToFit(cuts, texts);
  return cuts;
}

Offset<TableVector<schema::Address>> PutAddresses(FlatBufferBuilder& builder,
                                                  const std::vector<Address>& list,
                                                  const ListCut& cut) {
  if (cut.kept == 0) {
    return {};
  }
  std::vector<Offset<schema::Address>> entries;
  entries.reserve(cut.kept);
  for (size_t i = 0; i < cut.kept; ++i) {
    const auto name = PutText(builder, Clip(list[i].name));
    const auto email = PutText(builder, Clip(list[i].email));
    entries.push_back(schema::CreateAddress(builder, name, email));
  }
  return builder.CreateVector(entries);
}

Offset<TableVector<schema::Attachment>> PutAttachments(FlatBufferBuilder& builder,
                                                       const std::vector<Attachment>& list,
                                                       const ListCut& cut) {
  if (cut.kept == 0) {
    return {};
  }
  std::vector<Offset<schema::Attachment>> entries;
  entries.reserve(cut.kept);
  for (size_t i = 0; i < cut.kept; ++i) {
    const auto filename = PutText(builder, Clip(list[i].filename));
    const auto content_type = PutText(builder, Clip(list[i].content_type));
    const auto content_id = PutText(builder, Clip(list[i].content_id));
    entries.push_back(
        schema::CreateAttachment(builder, filename, content_type, content_id, list[i].size));
  }
  return builder.CreateVector(entries);
}

Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> PutTexts(
    FlatBufferBuilder& builder, const std::vector<std::string>& list, const ListCut& cut) {
  if (cut.kept == 0) {
    return {};
  }
  std::vector<Offset<flatbuffers::String>> entries;
  entries.reserve(cut.kept);
  for (size_t i = 0; i < cut.kept; ++i) {
    const std::string_view text = Clip(list[i]);
    entries.push_back(builder.CreateString(text.data(), text.size()));
  }
  return builder.CreateVector(entries);
}

// Bytes that decoding copies. In a damaged record many entries may share one long text, so that a
// small record would become a huge message.
size_t SizeOf(const flatbuffers::String* text) { return text == nullptr ? 0 : text->size(); }
size_t SizeOf(const schema::Address* entry) {
  return SizeOf(entry->name()) + SizeOf(entry->email());
}
size_t SizeOf(const schema::Attachment* entry) {
  return SizeOf(entry->filename()) + SizeOf(entry->content_type()) + SizeOf(entry->content_id());
}
template <typename T>
size_t SizeOf(const flatbuffers::Vector<Offset<T>>* list) {
  size_t total = 0;
  if (list != nullptr) {
    for (const T* entry : *list) {
      total += SizeOf(entry);
    }
  }
  return total;
}

bool SharesTexts(const schema::Content& root) {
  return SizeOf(root.references()) + SizeOf(root.from()) + SizeOf(root.to()) + SizeOf(root.cc()) +
             SizeOf(root.bcc()) + SizeOf(root.reply_to()) + SizeOf(root.attachments()) >
         kValueBytesMax;
}

std::vector<std::string> GetTexts(const flatbuffers::Vector<Offset<flatbuffers::String>>* list) {
  std::vector<std::string> texts;
  if (list != nullptr) {
    texts.reserve(list->size());
    for (const flatbuffers::String* text : *list) {
      texts.push_back(text->str());
    }
  }
  return texts;
}

std::vector<Address> GetAddresses(const TableVector<schema::Address>* list) {
  std::vector<Address> addresses;
  if (list != nullptr) {
    addresses.reserve(list->size());
    for (const schema::Address* entry : *list) {
      addresses.push_back({.name = TextOf(entry->name()), .email = TextOf(entry->email())});
    }
  }
  return addresses;
}

std::vector<Attachment> GetAttachments(const TableVector<schema::Attachment>* list) {
  std::vector<Attachment> attachments;
  if (list != nullptr) {
    attachments.reserve(list->size());
    for (const schema::Attachment* entry : *list) {
      attachments.push_back({.filename = TextOf(entry->filename()),
                             .content_type = TextOf(entry->content_type()),
                             .content_id = TextOf(entry->content_id()),
                             .size = entry->size()});
    }
  }
  return attachments;
}

}  // namespace

std::string EncodeContent(const MessageContent& content) {
  const ListCuts cuts = PlanCuts(content);
  FlatBufferBuilder builder;
  const auto message_id = PutText(builder, Clip(content.message_id));
  const auto in_reply_to = PutText(builder, Clip(content.in_reply_to));
  const auto references = PutTexts(builder, content.references, cuts[kReferences]);
  const auto from = PutAddresses(builder, content.from, cuts[kFrom]);
  const auto to = PutAddresses(builder, content.to, cuts[kTo]);
  const auto cc = PutAddresses(builder, content.cc, cuts[kCc]);
  const auto bcc = PutAddresses(builder, content.bcc, cuts[kBcc]);
  const auto reply_to = PutAddresses(builder, content.reply_to, cuts[kReplyTo]);
  const auto subject = PutText(builder, Clip(content.subject));
  const auto preview = PutText(builder, Clip(content.preview));
  const auto attachments = PutAttachments(builder, content.attachments, cuts[kAttachments]);
  const auto unparsed_reason = PutText(builder, Clip(content.unparsed_reason));
  builder.Finish(
      schema::CreateContent(builder, message_id, in_reply_to, references,
                            content.date.time_since_epoch().count(), from, to, cc, bcc, reply_to,
                            subject, preview, attachments, content.has_attachment, unparsed_reason),
      schema::ContentIdentifier());
  MH_CHECK(builder.GetSize() <= kContentBytesMax);
  return TakeRecord(builder);
}

Result<MessageContent> DecodeContent(std::string_view record) {
  const AlignedBytes bytes(record);
  const auto* root = VerifiedRoot<schema::Content>(bytes, schema::ContentIdentifier());
  if (root == nullptr || SharesTexts(*root)) {
    return Status(Code::kCorrupt, "not a valid message record");
  }
  MessageContent content;
  content.message_id = TextOf(root->message_id());
  content.in_reply_to = TextOf(root->in_reply_to());
  content.references = GetTexts(root->references());
  content.date = WallTime(std::chrono::milliseconds(root->date_ms()));
  content.from = GetAddresses(root->from());
  content.to = GetAddresses(root->to());
  content.cc = GetAddresses(root->cc());
  content.bcc = GetAddresses(root->bcc());
  content.reply_to = GetAddresses(root->reply_to());
  content.subject = TextOf(root->subject());
  content.preview = TextOf(root->preview());
  content.attachments = GetAttachments(root->attachments());
  content.has_attachment = root->has_attachment();
  content.unparsed_reason = TextOf(root->unparsed_reason());
  return content;
}

}  // namespace mailhaul::store
