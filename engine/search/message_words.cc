#include "engine/search/message_words.h"

#include "engine/mime/search_text.h"
#include "engine/search/index_file.h"
#include "engine/search/words.h"

namespace mailhaul::search {

std::string WordsOf(const store::StoredMessage& message, const ByteSource* raw) {
  WordList words(kWordsBytesMax);
  words.AddLiteral(MailboxToken(message.mailbox));
  const store::MessageContent& content = message.content;
  words.Add(content.subject);
  for (const auto* list :
       {&content.from, &content.to, &content.cc, &content.bcc, &content.reply_to}) {
    for (const store::Address& address : *list) {
      words.Add(address.name);
      words.Add(address.email);
    }
  }
  for (const store::Attachment& attachment : content.attachments) {
    words.Add(attachment.filename);
  }
  if (raw != nullptr) {
    mime::VisitSearchText(*raw, kBodyTextBytesMax, [&words](std::string_view text) {
      if (!words.full()) {
        words.Add(text);
      }
    });
  }
  return words.Finish();
}

}  // namespace mailhaul::search
