// What a service manager hears, on a socket as its own.
#include "engine/app/service_notice.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

namespace mailhaul::app {
namespace {

std::map<std::string, std::string>& Variables() {
  static std::map<std::string, std::string> variables;
  return variables;
}

const char* Lookup(const char* name) {
  const auto found = Variables().find(name);
  return found == Variables().end() ? nullptr : found->second.c_str();
}

class ServiceNoticeTest : public testing::Test {
 protected:
  ServiceNoticeTest() : folder_(testing::TempDir() + "mailhaul_notice_XXXXXX") {
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    Variables().clear();
  }
  ~ServiceNoticeTest() override {
    if (fd_ >= 0) {
      close(fd_);
    }
    std::filesystem::remove_all(folder_);
  }

  // As NOTIFY_SOCKET has it.
  void Listen(const std::string& name) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(fd_, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    size_t size = offsetof(sockaddr_un, sun_path) + name.size() + 1;
    if (name.front() == '@') {
      address.sun_path[0] = '\0';
      --size;
    }
    ASSERT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)),
              0);
    Variables()["NOTIFY_SOCKET"] = name;
  }
  std::string Path() const { return folder_ + "/socket"; }

  // "" when nothing was sent: datagrams on one machine are there at once.
  std::string Heard() const {
    std::array<char, 1024> bytes;
    const ssize_t got = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    return got < 0 ? std::string() : std::string(bytes.data(), static_cast<size_t>(got));
  }

 private:
  std::string folder_;
  int fd_ = -1;
};

TEST_F(ServiceNoticeTest, TellsWhatHappens) {
  Listen(Path());
  const ServiceNotice notice(&Lookup, 1);
  EXPECT_TRUE(notice.listened_to());
  notice.Ready("collecting 3 mailboxes");
  EXPECT_EQ(Heard(), "READY=1\nSTATUS=collecting 3 mailboxes");
  notice.Reloading(TimePoint(std::chrono::milliseconds(1500)));
  EXPECT_EQ(Heard(), "RELOADING=1\nMONOTONIC_USEC=1500000");
  notice.KeepAlive();
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  notice.Stopping();
  EXPECT_EQ(Heard(), "STOPPING=1");
  EXPECT_EQ(Heard(), "");
}

TEST_F(ServiceNoticeTest, AbstractSocketsAreFound) {
  Listen("@mailhaul-notice-test-" + std::to_string(getpid()));
  const ServiceNotice notice(&Lookup, 1);
  notice.Stopping();
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_F(ServiceNoticeTest, AStatusIsOneLine) {
  Listen(Path());
  const ServiceNotice notice(&Lookup, 1);
  notice.Ready("one\nMAINPID=1");
  EXPECT_EQ(Heard().find("\nMAINPID"), std::string::npos);
}

TEST_F(ServiceNoticeTest, WithoutASocketNothingIsTold) {
  for (const char* name : {"", "relative", "/", "@"}) {
    Variables()["NOTIFY_SOCKET"] = name;
    const ServiceNotice notice(&Lookup, 1);
    EXPECT_FALSE(notice.listened_to()) << name;
    notice.Ready("");
  }
  Variables()["NOTIFY_SOCKET"] = "/" + std::string(200, 'x');
  EXPECT_FALSE(ServiceNotice(&Lookup, 1).listened_to());
  Variables()["NOTIFY_SOCKET"] = Path();  // Nobody listens there.
  ServiceNotice(&Lookup, 1).Ready("");
}

TEST_F(ServiceNoticeTest, TheWatchdogHearsTwiceInItsTime) {
  Listen(Path());
  EXPECT_FALSE(ServiceNotice(&Lookup, 7).keep_alive_every().has_value());
  Variables()["WATCHDOG_USEC"] = "60000000";
  EXPECT_EQ(ServiceNotice(&Lookup, 7).keep_alive_every(), Duration(std::chrono::seconds(30)));
  Variables()["WATCHDOG_PID"] = "7";
  EXPECT_EQ(ServiceNotice(&Lookup, 7).keep_alive_every(), Duration(std::chrono::seconds(30)));
  Variables()["WATCHDOG_PID"] = "8";
  EXPECT_FALSE(ServiceNotice(&Lookup, 7).keep_alive_every().has_value()) << "not meant for us";
  Variables().erase("WATCHDOG_PID");
  for (const char* bad : {"", "0", "-1", "x", "10s"}) {
    Variables()["WATCHDOG_USEC"] = bad;
    EXPECT_FALSE(ServiceNotice(&Lookup, 7).keep_alive_every().has_value()) << bad;
  }
}

}  // namespace
}  // namespace mailhaul::app
