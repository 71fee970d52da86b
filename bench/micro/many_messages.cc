#include "bench/micro/many_messages.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/message_content.h"
#include "store/sha256.h"

namespace mailhaul::store {
namespace {

constexpr std::chrono::seconds kFirstDate(978'307'200);  // 2001-01-01.

// Random words, as hard to compress as text is.
std::string BodyOf(size_t number, size_t bytes) {
  static const std::vector<std::string> words = [] {
    SeededRandom random(1);
    std::vector<std::string> made(2000);
    for (std::string& word : made) {
      for (uint64_t letters = 2 + random.Below(9); letters > 0; --letters) {
        word += static_cast<char>('a' + random.Below(26));
      }
    }
    return made;
  }();
  SeededRandom random(number);
  std::string body = "From: Some Body <some.body@sender.example>\r\nSubject: number " +
                     std::to_string(number) + "\r\n\r\n";
  for (size_t in_line = 0; body.size() < bytes; ++in_line) {
    body += words[random.Below(words.size())];
    body += in_line % 10 == 9 ? "\r\n" : " ";
  }
  body.resize(bytes);
  return body;
}

}  // namespace

std::unique_ptr<IngestBatch> ManyMessages(MailboxId mailbox, FolderId folder, size_t first,
                                          size_t count, size_t body_bytes) {
  MessageContent content;
  content.message_id = "0123456789abcdef@mail.example";
  content.subject = "A subject of usual length, with a few words";
  content.preview = std::string(180, 'p');
  content.from = {{.name = "Some Body", .email = "some.body@sender.example"}};
  const std::string encoded = EncodeContent(content);
  auto batch = std::make_unique<IngestBatch>();
  batch->mailbox = mailbox;
  batch->folder = folder;
  batch->uid_validity = 1;
  SeededRandom random(first);
  for (size_t i = first; i < first + count; ++i) {
    IngestMessage message;
    message.uid = static_cast<Uid>(i + 1);
    message.internal_date = WallTime(kFirstDate + std::chrono::seconds(i));
    message.keywords = {i % 4 == 0 ? "$Important" : "$Label1"};
    message.body = BodyOf((uint64_t{mailbox.value} << 32) + i, body_bytes);
    message.size = message.body.size();
    message.sha256 = ComputeSha256(message.body);
    random.Fill(message.identity.emplace());
    message.thread = i / 5;
    message.content = encoded;
    batch->messages.push_back(std::move(message));
  }
  return batch;
}

}  // namespace mailhaul::store
