// Against a real server, stopped and started, killed and emptied.
#include "../../eventually.hpp"

#include <parley/core/clock.hpp>
#include <parley/redis/mirror.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hiredis/hiredis.h>

#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace parley::redis {
namespace {

using namespace call::journal;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A port that nobody else is given, also while the server is away: it is bound here, and nobody
// listens. The server may have it all the same, for both sockets say that they reuse addresses.
class HeldPort {
 public:
    HeldPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int yes = 1;
        EXPECT_EQ(::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        number_ = ntohs(address.sin_port);
    }
    ~HeldPort() { ::close(socket_); }
    HeldPort(const HeldPort&) = delete;
    HeldPort& operator=(const HeldPort&) = delete;
    int number() const { return number_; }

 private:
    int socket_;
    int number_ = 0;
};

class RedisServer {
 public:
    RedisServer() {
        std::string name =
            (std::filesystem::temp_directory_path() / "parley-redis-XXXXXX").string();
        dir_ = mkdtemp(name.data());
        start();
    }
    ~RedisServer() {
        end(SIGKILL);
        std::error_code ignored;
        std::filesystem::remove_all(dir_, ignored);
    }
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    void start() {
        const std::string port = std::to_string(port_.number());
        pid_ = fork();
        if (pid_ == 0) {
            const int null = ::open("/dev/null", O_RDWR);
            dup2(null, 1);
            dup2(null, 2);
            execlp("redis-server", "redis-server", "--port", port.c_str(), "--bind", "127.0.0.1",
                   "--dir", dir_.c_str(), "--requirepass", "sesame", "--save", "3600 1000",
                   static_cast<char*>(nullptr));
            _exit(127);
        }
        ASSERT_TRUE(eventually([&] { return ask("PING") == std::vector<std::string>{"PONG"}; }));
    }
    void end(int signal) {
        if (pid_ <= 0) return;
        kill(pid_, signal);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    void stop() {  // as an operator does: it saves what it has
        ask("SAVE");
        end(SIGTERM);
    }
    void freeze() const { kill(pid_, SIGSTOP); }
    void thaw() const { kill(pid_, SIGCONT); }

    std::vector<std::string> ask(const std::string& command) const {
        std::vector<std::string> answers;
        redisContext* context = redisConnectWithTimeout("127.0.0.1", port_.number(), {5, 0});
        if (context != nullptr && context->err == 0) {
            freeReplyObject(redisCommand(context, "AUTH sesame"));
            auto* reply = static_cast<redisReply*>(redisCommand(context, command.c_str()));
            if (reply != nullptr) {
                if (reply->type == REDIS_REPLY_INTEGER)
                    answers.push_back(std::to_string(reply->integer));
                if (reply->str != nullptr) answers.emplace_back(reply->str, reply->len);
                for (std::size_t i = 0; i < reply->elements; ++i)
                    answers.emplace_back(reply->element[i]->str, reply->element[i]->len);
                freeReplyObject(reply);
            }
        }
        redisFree(context);
        return answers;
    }
    std::string one(const std::string& command) const {
        const auto all = ask(command);
        return all.size() == 1 ? all[0] : "";
    }
    std::string url() const {
        return "redis://:sesame@127.0.0.1:" + std::to_string(port_.number());
    }

 private:
    const HeldPort port_;
    std::string dir_;
    pid_t pid_ = -1;
};

class MirrorTest : public testing::Test {
 protected:
    void start(std::size_t queued_max = 20'000) {
        mirror.emplace(Mirror::Options{.address = parse_address(server.url()).value(),
                                       .instance = "here",
                                       .timeout = 1s,
                                       .flush_every = 1ms,
                                       .retry_first = 5ms,
                                       .retry_max = 20ms,
                                       .ask_every = 20ms,
                                       .entries_queued_max = queued_max});
    }
    void begin(const std::string& sid = "CA1") {
        mirror->on_entry(
            {sid, now(), CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"}});
    }
    void say(const std::string& text, const std::string& sid = "CA1") {
        mirror->on_entry({sid, now(), CallerSaid{"", text}});
    }
    void end(const std::string& sid = "CA1") {
        mirror->on_entry({sid, now(), CallEnded{"no_booking", "caller_hung_up", 5'000}});
    }
    static WallTime now() { return std::chrono::system_clock::now(); }
    std::vector<std::string> words(const std::string& sid = "CA1") const {
        std::vector<std::string> all;
        for (const auto& each : server.ask("LRANGE transcript:" + sid + " 0 -1"))
            all.push_back(json_read::text(json_read::parse(each)->as_object(), "content"));
        return all;
    }
    bool has(std::size_t count) const {
        return eventually([&] { return words().size() >= count; });
    }

    RedisServer server;
    std::optional<Mirror> mirror;
};

TEST_F(MirrorTest, ShowsACallFromItsBeginningToItsPlaceInTheHistory) {
    start();
    begin();
    say("Hello?");
    ASSERT_TRUE(has(1));
    EXPECT_TRUE(eventually([&] { return mirror->health().is_well; }));
    EXPECT_THAT(server.one("GET active_call:CA1"), HasSubstr("+15550100001"));
    EXPECT_GT(std::stoi(server.one("TTL active_call:CA1")), 3'500);
    EXPECT_GT(std::stoi(server.one("TTL transcript:CA1")), 86'000);
    end();
    ASSERT_TRUE(eventually([&] { return server.one("ZCARD call_history") == "1"; }));
    EXPECT_EQ(server.one("EXISTS active_call:CA1"), "0");
    EXPECT_EQ(server.one("GET counter:total_calls"), "1");
    EXPECT_EQ(server.one("LLEN metrics:call_duration"), "1");
}

TEST_F(MirrorTest, ShowsTheStreamOfACallAndWhoSpeaks) {
    start();
    begin();
    mirror->see({{"CA1", "MZ1", "speaking"}});
    ASSERT_TRUE(eventually([&] {
        return server.one("GET active_call:CA1").find(R"("streamSid":"MZ1")") != std::string::npos;
    }));
    EXPECT_THAT(server.one("GET active_call:CA1"), HasSubstr(R"("aiStatus":"speaking")"));
}

TEST_F(MirrorTest, CatchesUpWithoutDoublingAfterTheServerWasAwayInMidCall) {
    start();
    begin();
    say("one");
    ASSERT_TRUE(has(1));
    server.stop();
    say("two");
    ASSERT_TRUE(eventually([&] { return !mirror->health().is_well; }));
    say("three");
    server.start();
    say("four");
    ASSERT_TRUE(has(4));
    end();
    ASSERT_TRUE(eventually([&] { return server.one("ZCARD call_history") == "1"; }));
    EXPECT_THAT(words(), ElementsAre("one", "two", "three", "four"));
    EXPECT_EQ(server.one("GET counter:total_calls"), "1");
    EXPECT_EQ(mirror->health().dropped, 0u);
    EXPECT_TRUE(eventually([&] { return mirror->health().is_well; }));
}

TEST_F(MirrorTest, DoesNotDoubleWhatWasDoneThoughItsAnswerNeverCame) {
    start();
    begin();
    say("one");
    ASSERT_TRUE(has(1));
    // The server gets the next transaction and does it when it may go on; by then we have given up
    // waiting for its answer.
    server.freeze();
    say("two");
    ASSERT_TRUE(eventually([&] { return !mirror->health().is_well; }));
    server.thaw();
    say("three");
    ASSERT_TRUE(has(3));
    EXPECT_THAT(words(), ElementsAre("one", "two", "three"));
}

TEST_F(MirrorTest, GivesAServerThatLostItsMemoryTheCallsInProgress) {
    start();
    begin();
    say("one");
    say("two");
    ASSERT_TRUE(has(2));
    server.end(SIGKILL);  // nothing was saved
    say("three");
    ASSERT_TRUE(eventually([&] { return !mirror->health().is_well; }));
    server.start();
    ASSERT_TRUE(has(3));
    EXPECT_THAT(words(), ElementsAre("one", "two", "three"));
    EXPECT_THAT(server.one("GET active_call:CA1"), HasSubstr("CA1"));
}

TEST_F(MirrorTest, RemovesCallsThatItsOwnDeadProcessLeftActive) {
    server.ask(R"(SET active_call:CA7 {"callSid":"CA7","instance":"here"})");
    server.ask(R"(SET active_call:CA8 {"callSid":"CA8","instance":"elsewhere"})");
    start();
    ASSERT_TRUE(eventually([&] { return server.one("EXISTS active_call:CA7") == "0"; }));
    EXPECT_EQ(server.one("EXISTS active_call:CA8"), "1");
}

TEST_F(MirrorTest, LeavesOutAndCountsWhatIsTooMuchToWait) {
    server.stop();
    start(2);
    begin();
    for (int i = 0; i < 10; ++i) say(std::to_string(i));
    end();
    EXPECT_TRUE(
        eventually([&] { return mirror->health().dropped > 0 && !mirror->health().is_well; }));
    server.start();
    ASSERT_TRUE(eventually([&] { return server.one("ZCARD call_history") == "1"; }));
}

TEST_F(MirrorTest, GoesOnBesideAKeyOfAnotherKind) {
    server.ask("SET transcript:CA1 nonsense");
    start();
    begin();
    say("one");
    end();
    ASSERT_TRUE(eventually([&] { return server.one("ZCARD call_history") == "1"; }));
}

TEST_F(MirrorTest, SaysWhyItCannotConnect) {
    mirror.emplace(
        Mirror::Options{.address = parse_address("redis://:wrong@127.0.0.1:" +
                                                 server.url().substr(server.url().rfind(':') + 1))
                                       .value(),
                        .instance = "here",
                        .retry_first = 5ms});
    ASSERT_TRUE(eventually(
        [&] { return mirror->health().problem.find("WRONGPASS") != std::string::npos; }));
}

}  // namespace
}  // namespace parley::redis
