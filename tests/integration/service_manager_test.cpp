// What systemd is told: a fake of its socket hears it.
#include "desk.hpp"

#include <csignal>
#include <cstddef>
#include <cstring>

#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace parley::integration {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// Longer than many rounds of a watchdog of 300 ms.
constexpr milliseconds long_silence{1'500};
constexpr const char* short_watchdog_us = "300000";

// The manager's end of $NOTIFY_SOCKET. Owner: the test. Thread: the test's.
class NotifySocket {
 public:
    enum class Kind { path, abstract };

    explicit NotifySocket(Kind kind = Kind::path)
        : name_(kind == Kind::path ? folder_ / "notify" : "@" + (folder_ / "notify")) {
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name_.copy(address.sun_path, sizeof(address.sun_path) - 1);
        if (kind == Kind::abstract) address.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    }
    ~NotifySocket() { close(socket_); }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    const std::string& name() const { return name_; }

    // Takes what has come so far; each line once, in its order.
    const std::vector<std::string>& lines() {
        std::array<char, 4096> buffer;
        while (true) {
            const auto size = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size < 0) return lines_;
            std::istringstream message(std::string(buffer.data(), static_cast<std::size_t>(size)));
            for (std::string line; std::getline(message, line);) lines_.push_back(line);
        }
    }
    bool has(std::string_view line) {
        const auto& all = lines();
        return std::find(all.begin(), all.end(), line) != all.end();
    }
    void forget() {
        lines();
        lines_.clear();
    }

 private:
    Folder folder_;
    std::string name_;
    int socket_ = -1;
    std::vector<std::string> lines_;
};

StageOptions managed_by(const NotifySocket& socket, const std::string& watchdog_us = "") {
    StageOptions options;
    options.environment["NOTIFY_SOCKET"] = socket.name();
    options.environment["WATCHDOG_USEC"] = watchdog_us;
    return options;
}

// One thread of the service, standing still as if it hung, until this is destroyed.
class HungThread {
 public:
    explicit HungThread(const std::string& name) {
        const int process = std::stoi(text_of_file("/proc/thread-self/children"));  // the only one
        for (const auto& task :
             std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
            if (text_of_file(task.path() / "comm") == name + "\n")
                thread_ = std::stoi(task.path().filename().string());
        }
        int status = 0;
        is_hung_ = thread_ > 0 && ptrace(PTRACE_ATTACH, thread_, nullptr, nullptr) == 0 &&
                   waitpid(thread_, &status, __WALL) == thread_;
        EXPECT_TRUE(is_hung_) << "cannot stop " << name << ": " << std::strerror(errno);
    }
    ~HungThread() {
        if (is_hung_) ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
    }
    HungThread(const HungThread&) = delete;
    HungThread& operator=(const HungThread&) = delete;

 private:
    pid_t thread_ = -1;
    bool is_hung_ = false;
};

TEST(TheServiceManager, IsToldThatCallsAreTakenHowManyThereAreAndThatItStops) {
    NotifySocket socket;
    Stage stage(fast + "greeting: \"Hello.\"", managed_by(socket));
    ASSERT_TRUE(eventually([&] { return socket.has("STATUS=0 calls, generation 1"); }));
    EXPECT_EQ(socket.lines().front(), "READY=1");

    const auto call = stage.dial("steps: [{wait_for_agent: {silent_for_ms: 5000}}, hang_up]");
    EXPECT_TRUE(eventually([&] { return socket.has("STATUS=1 call, generation 1"); }));
    EXPECT_FALSE(socket.has("STOPPING=1"));
    stage.service().signal(SIGTERM);
    EXPECT_TRUE(eventually([&] { return socket.has("STATUS=draining, 1 call, generation 1"); }));
    EXPECT_TRUE(socket.has("STOPPING=1"));
    EXPECT_EQ(call->report().failure, "");
    EXPECT_EQ(stage.service().exit_status(), 0);
    EXPECT_THAT(socket.lines(), Not(Contains("WATCHDOG=1"))) << "nobody has asked for it";
}

TEST(TheServiceManager, MayListenAtAnAbstractName) {
    NotifySocket socket(NotifySocket::Kind::abstract);
    Stage stage(fast, managed_by(socket));
    EXPECT_TRUE(eventually([&] { return socket.has("READY=1"); }));
}

TEST(TheServiceManager, IsToldOfFilesThatAreNotRight) {
    NotifySocket socket;
    auto options = managed_by(socket);
    options.overlay = "calls: {duration_max_minutes: 4}\n";
    Stage stage(fast, std::move(options));
    ASSERT_TRUE(eventually([&] { return socket.has("READY=1"); }));
    Desk::save(stage.overlay(), "calls: {duration_max_minutes: soon}\n");
    EXPECT_TRUE(eventually([&] {
        return socket.has(
            "STATUS=0 calls, generation 1; the files are not right, see parley status");
    }));
}

TEST(TheServiceManager, ThatIsNotThereHoldsNothingUp) {
    StageOptions options;
    options.environment["NOTIFY_SOCKET"] = "/nonexistent/notify";
    Stage stage(fast, std::move(options));
    EXPECT_EQ(stage.service().get("/ready").status, 200);
    EXPECT_TRUE(
        eventually([&] { return stage.service().has_logged("server.manager_unreachable"); }));
}

TEST(TheWatchdog, HearsSignsOfLifeUntilOneIoThreadHangs) {
    NotifySocket socket;
    auto options = managed_by(socket, short_watchdog_us);
    options.flags = {"--set", "server.io_threads=3"};
    Stage stage(fast, std::move(options));
    const auto lives = [&] {
        socket.forget();
        return eventually([&] { return socket.has("WATCHDOG=1"); }, long_silence);
    };
    ASSERT_TRUE(eventually(lives));
    for (const std::string thread : {"parley-io-0", "parley-io-1", "parley-io-2"}) {
        {
            const HungThread hung(thread);
            EXPECT_TRUE(eventually([&] { return !lives(); })) << thread;
        }
        EXPECT_TRUE(eventually(lives)) << "the thread goes on, and so do the signs";
    }
}

TEST(TheWatchdog, OfAnotherProcessGetsNothing) {
    NotifySocket socket;
    auto options = managed_by(socket, short_watchdog_us);
    options.environment["WATCHDOG_PID"] = "1";
    Stage stage(fast + "greeting: \"Hello.\"", std::move(options));
    ASSERT_TRUE(eventually([&] { return socket.has("STATUS=0 calls, generation 1"); }));
    // a round later
    const auto call = stage.dial("steps: [{wait_for_agent: {silent_for_ms: 3000}}, hang_up]");
    EXPECT_TRUE(eventually([&] { return socket.has("STATUS=1 call, generation 1"); }));
    EXPECT_FALSE(socket.has("WATCHDOG=1"));
}

}  // namespace
}  // namespace parley::integration
