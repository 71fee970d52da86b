// control.sock: a server on a loop of its own, clients on this thread.
#include "engine/app/control_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "connectors/net/uv_loop.h"
#include "tests/store/temporary_directory.h"

namespace mailhaul::app {
namespace {

class ControlSocketTest : public testing::Test {
 protected:
  ControlSocketTest() : runner_([this] { loop_.Run(); }) {}
  ~ControlSocketTest() override {
    loop_.Stop();
    runner_.join();
  }

  Result<std::unique_ptr<ControlServer>> Serve(const std::string& directory) {
    return ControlServer::Start(directory, loop_, [this](std::string_view question) {
      EXPECT_EQ(net::Loop::Current(), &loop_);
      return "answer to " + std::string(question) + std::string(padding_, '.');
    });
  }
  std::string Path() const { return directory_.path() + "/control.sock"; }
  // A client that does as it likes.
  OwnedFd Connect() const {
    OwnedFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    Path().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    EXPECT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    return client;
  }

  store::TemporaryDirectory directory_;
  size_t padding_ = 0;
  net::UvLoop loop_;
  std::thread runner_;
};

TEST_F(ControlSocketTest, AnswersOneAfterTheOther) {
  const auto server = Serve(directory_.path());
  ASSERT_TRUE(server.ok()) << server.status().ToString();
  EXPECT_EQ(AskServer(directory_.path(), "pools").value(), "answer to pools");
  EXPECT_EQ(AskServer(directory_.path(), "").value(), "answer to ");
}

TEST_F(ControlSocketTest, WhoAsksMayThinkBetterOfIt) {
  net::WakeFd cancel;
  const auto server = ControlServer::Start(
      directory_.path(), loop_, [](std::string_view) { return std::string(); },
      [&cancel](std::string_view) {
        cancel.Wake();  // While the answer is being made.
        return std::optional<std::string>("late");
      });
  ASSERT_TRUE(server.ok()) << server.status().ToString();
  const auto answer = AskServer(directory_.path(), "slow", kControlTime, cancel.fd());
  EXPECT_TRUE(answer.status().code() == Code::kCancelled) << answer.status().ToString();
}

TEST_F(ControlSocketTest, ALongAnswerComesWhole) {
  padding_ = size_t{8} << 20;
  const auto server = Serve(directory_.path());
  EXPECT_EQ(AskServer(directory_.path(), "x").value().size(), padding_ + 11);
}

TEST_F(ControlSocketTest, IsForItsOwnerAlone) {
  const auto server = Serve(directory_.path());
  struct stat found {};
  ASSERT_EQ(stat(Path().c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(ControlSocketTest, NobodyThereIsNotFound) {
  EXPECT_EQ(AskServer(directory_.path(), "x").status().code(), Code::kNotFound);
  EXPECT_EQ(AskServer(directory_.path() + "/none", "x").status().code(), Code::kNotFound);
  Serve(directory_.path()).value().reset();
  EXPECT_EQ(AskServer(directory_.path(), "x").status().code(), Code::kNotFound);
  EXPECT_NE(access(Path().c_str(), F_OK), 0);
}

TEST_F(ControlSocketTest, WhatACrashLeftIsReplaced) {
  std::ofstream(Path()) << "left";
  const auto server = Serve(directory_.path());
  EXPECT_EQ(AskServer(directory_.path(), "x").value(), "answer to x");
}

TEST_F(ControlSocketTest, ADirectoryMayHaveALongPath) {
  const std::string deep = directory_.path() + "/" + std::string(200, 'd');
  ASSERT_EQ(mkdir(deep.c_str(), 0700), 0);
  const auto server = Serve(deep);
  EXPECT_EQ(AskServer(deep, "x").value(), "answer to x");
}

TEST_F(ControlSocketTest, AClientThatAsksTooMuchIsCutOff) {
  const auto server = Serve(directory_.path());
  {
    const OwnedFd client = Connect();
    const std::string endless(kControlQuestionBytesMax * 4, 'x');
    send(client.get(), endless.data(), endless.size(), MSG_NOSIGNAL);
    char byte = 0;
    EXPECT_LE(recv(client.get(), &byte, 1, 0), 0);
  }
  { const OwnedFd leaves = Connect(); }
  EXPECT_EQ(AskServer(directory_.path(), "x").value(), "answer to x");
}

TEST_F(ControlSocketTest, EndsBesideASilentClientAndAStoppedLoop) {
  auto server = Serve(directory_.path());
  loop_.Stop();
  const OwnedFd asks = Connect();
  ASSERT_EQ(send(asks.get(), "x\n", 2, MSG_NOSIGNAL), 2);
  const OwnedFd silent = Connect();
  server.value().reset();
  char byte = 0;
  EXPECT_LE(recv(asks.get(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace mailhaul::app
