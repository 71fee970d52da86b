// Any bytes in every field of a draft, and as a message of the client's own: what is accepted holds
// the fields, recipients and parts of the draft and no others, and is fit for any mail server.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "connectors/smtp/address.h"
#include "engine/mime/prepare_raw.h"
#include "tests/mime/simple_reader.h"

namespace mailhaul::mime {
namespace {

// Takes the input apart at bytes 0xFF, which no UTF-8 holds.
class Pieces final {
 public:
  explicit Pieces(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  std::string Next() {
    const size_t end = std::min(bytes_.find('\xFF'), bytes_.size());
    std::string piece(bytes_.substr(0, end));
    bytes_.remove_prefix(std::min(end + 1, bytes_.size()));
    return piece;
  }
  // What the draft holds already where the input says nothing.
  void Take(std::string& field) {
    std::string piece = Next();
    if (!piece.empty()) {
      field = std::move(piece);
    }
  }

 private:
  std::string_view bytes_;
};

Draft DraftFrom(Pieces pieces) {
  Draft draft;
  draft.from = {{"", "a@acme.example"}};
  draft.to = {{"", "b@other.example"}};
  draft.cc = {{"", "c@other.example"}};
  draft.message_id = "1@acme.example";
  draft.headers = {{"X-Extra", ""}};
  draft.attachments.resize(2);
  draft.attachments[1].content_id = "logo";
  draft.references.resize(1);
  for (std::string* field :
       {&draft.subject, &draft.to[0].name, &draft.to[0].email, &draft.text, &draft.html,
        &draft.attachments[0].filename, &draft.attachments[0].content_type,
        &draft.attachments[0].bytes, &draft.headers[0].name, &draft.headers[0].value,
        &draft.in_reply_to, &draft.references[0], &draft.message_id, &draft.signature,
        &draft.from[0].name, &draft.from[0].email, &*draft.attachments[1].content_id,
        &draft.attachments[1].filename}) {
    pieces.Take(*field);
  }
  while (!pieces.done() && draft.bcc.size() < kDraftRecipientsMax) {
    draft.bcc.push_back({"", pieces.Next()});
  }
  return draft;
}

void CheckAddresses(const OutgoingMessage& message) {
  MH_CHECK(smtp::CheckMailbox(message.from).ok());
  for (const std::string& recipient : message.recipients) {
    MH_CHECK(smtp::CheckMailbox(recipient).ok());
  }
}

void CheckComposed(const Draft& draft) {
  SeededRandom random(1);
  const Result<OutgoingMessage> message = Compose(draft, random);
  if (!message.ok()) {
    MH_CHECK(message.status().code() == Code::kInvalidArgument);
    return;
  }
  CheckAddresses(*message);
  MH_CHECK(WireFault(message->bytes).empty());
  const SimplePart simple = ReadSimply(message->bytes);
  std::vector<std::string> names = {"Date", "From", "To", "Cc", "Subject", "Message-ID"};
  if (!draft.in_reply_to.empty()) {
    names.emplace_back("In-Reply-To");
  }
  if (CheckMessageId(draft.references[0]).ok()) {
    names.emplace_back("References");
  }
  names.insert(names.end(), {draft.headers[0].name, "MIME-Version", "Content-Type"});
  MH_CHECK(simple.Names() == names);
  MH_CHECK(simple.Leaves().size() == (draft.html.empty() ? 3U : 4U));
  const ParsedMessage parsed = ParseMessage(MemoryByteSource(message->bytes));
  MH_CHECK(parsed.unparsed_reason.empty());
  MH_CHECK(parsed.from.size() == 1 && parsed.to.size() == 1 && parsed.cc.size() == 1);
  MH_CHECK(parsed.bcc.empty() && parsed.reply_to.empty() && parsed.attachments.size() == 2);
  MH_CHECK(parsed.message_id == message->message_id);
}

void CheckRaw(std::string_view bytes) {
  RawOptions options;
  options.message_id = "1@acme.example";
  const Result<OutgoingMessage> message = PrepareRaw(bytes, options);
  if (!message.ok()) {
    MH_CHECK(message.status().code() == Code::kInvalidArgument);
    return;
  }
  CheckAddresses(*message);
  MH_CHECK(!message->recipients.empty() && message->recipients.size() <= kDraftRecipientsMax);
  const ParsedMessage parsed = ParseMessage(MemoryByteSource(message->bytes));
  MH_CHECK(parsed.bcc.empty() && !parsed.from.empty());
  MH_CHECK(parsed.message_id == message->message_id && parsed.date.has_value());
  // Prepared once more nothing changes, unless only a Bcc named recipients.
  const Result<OutgoingMessage> again = PrepareRaw(message->bytes, options);
  MH_CHECK(!again.ok() || again->bytes == message->bytes);
  MH_CHECK(again.ok() || (parsed.to.empty() && parsed.cc.empty()));
}

}  // namespace
}  // namespace mailhaul::mime

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  mailhaul::mime::Initialize();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.substr(0, 1) == "r") {
    mailhaul::mime::CheckRaw(bytes.substr(1));
  } else {
    mailhaul::mime::CheckComposed(mailhaul::mime::DraftFrom(mailhaul::mime::Pieces(bytes)));
  }
  return 0;
}
