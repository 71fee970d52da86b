// Cost of parsing one message. With MAILHAUL_BENCH_MAIL naming a folder of mail files (a maildir,
// searched to all depths) the messages found there are parsed in turn; else a few made here.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/mime/message_parser.h"

namespace mailhaul::mime {
namespace {

constexpr size_t kMessagesMax = 20'000;

std::string MadeMessage(size_t attachment_lines) {
  std::string mail =
      "Received: from a.example (a.example [192.0.2.1]) by b.example; Mon, 2 Mar 2026 10:00:00 "
      "+0000\r\n"
      "From: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.com>\r\n"
      "To: Alice <alice@example.com>, bob@example.org\r\n"
      "Subject: =?utf-8?B?R3LDvMOfZQ==?= from the bench\r\n"
      "Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n"
      "Message-ID: <1@example.com>\r\nReferences: <0@example.com> <00@example.com>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: multipart/mixed; boundary=\"=_outer\"\r\n\r\n"
      "--=_outer\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe an alle.\r\n"
      "--=_outer\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n"
      "Content-Disposition: attachment; filename=\"a.pdf\"\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n";
  for (size_t i = 0; i < attachment_lines; ++i) {
    mail += std::string(76, 'A') + "\r\n";
  }
  return mail + "--=_outer--\r\n";
}

std::vector<std::string> LoadMessages() {
  std::vector<std::string> messages;
  const char* folder = std::getenv("MAILHAUL_BENCH_MAIL");
  if (folder != nullptr) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.file_size() > 0 && messages.size() < kMessagesMax) {
        std::ifstream file(entry.path(), std::ios::binary);
        std::string mail(entry.file_size(), '\0');
        file.read(mail.data(), static_cast<std::streamsize>(mail.size()));
        messages.push_back(std::move(mail));
      }
    }
  }
  if (messages.empty()) {
    for (const size_t lines : {0, 10, 100, 1'000, 2'500}) {
      messages.push_back(MadeMessage(lines));
    }
  }
  return messages;
}

template <typename Work>
void Run(benchmark::State& state, Work work) {
  Initialize();
  const std::vector<std::string> messages = LoadMessages();
  size_t next = 0;
  int64_t bytes = 0;
  for (auto _ : state) {
    const std::string& mail = messages[next++ % messages.size()];
    work(MemoryByteSource(mail));
    bytes += static_cast<int64_t>(mail.size());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(bytes);
}

void BM_MimeParseMessage(benchmark::State& state) {
  Run(state, [](const MemoryByteSource& raw) { benchmark::DoNotOptimize(ParseMessage(raw)); });
}
BENCHMARK(BM_MimeParseMessage)->Unit(benchmark::kMicrosecond);

void BM_MimeDecodeText(benchmark::State& state) {
  constexpr size_t kTextBytesMax = 1024 * 1024;
  Run(state, [](const MemoryByteSource& raw) {
    benchmark::DoNotOptimize(DecodeText(raw, kTextBytesMax));
  });
}
BENCHMARK(BM_MimeDecodeText)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mailhaul::mime
