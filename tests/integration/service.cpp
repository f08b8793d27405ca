#include "service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include <csignal>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace parley::integration {

namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

// "... server.listening host=127.0.0.1 port=40123 threads=2": 40123, or 0 as long as there is no
// such line.
std::uint16_t port_in(const std::string& log) {
    const auto line = log.find("server.listening");
    if (line == std::string::npos) return 0;
    const auto at = log.find("port=", line);
    if (at == std::string::npos || log.find('\n', at) == std::string::npos) return 0;
    return static_cast<std::uint16_t>(std::stoi(log.substr(at + 5)));
}

}  // namespace

Service::Service(std::string log_file, Variables environment, std::vector<std::string> flags)
    : log_file_(std::move(log_file)) {
    // Nothing of this process's own environment: a developer's OPENAI_API_KEY must not make a test
    // pass or fail.
    environment.emplace("HOME", "/nonexistent");
    for (const char* name : {"PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
        if (const char* value = std::getenv(name)) environment.emplace(name, value);
    }
    std::vector<std::string> variables;
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    std::vector<std::string> words{PARLEY_BIN, "serve"};
    words.insert(words.end(), flags.begin(), flags.end());

    variables_ = variables;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, PARLEY_SOURCE_DIR);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    // The fakes listen in this process: a child that inherited their sockets would keep their ports
    // open.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    const int failed = posix_spawn(&pid_, PARLEY_BIN, &actions, nullptr, pointers(words).data(),
                                   pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(failed, 0) << "cannot start " << PARLEY_BIN;
    if (failed != 0) {
        pid_ = -1;
        return;
    }
    threads_.start();
    const bool is_up = eventually([&] {
        port_ = port_in(log());
        return port_ != 0 || !is_running();
    });
    EXPECT_TRUE(is_up && port_ != 0) << "parley did not come up:\n" << log();
}

Service::~Service() {
    if (pid_ > 0 && !exit_status_) {
        kill(pid_, SIGKILL);
        poll_exit(0);
    }
    threads_.stop();
}

void Service::signal(int number) const {
    if (pid_ > 0 && !exit_status_) kill(pid_, number);
}

void Service::limit_files(std::optional<std::uint64_t> bytes) const {
    rlimit limit{};
    ASSERT_EQ(prlimit(pid_, RLIMIT_FSIZE, nullptr, &limit), 0);
    limit.rlim_cur = bytes ? std::min<rlim_t>(*bytes, limit.rlim_max) : limit.rlim_max;
    ASSERT_EQ(prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr), 0);
}

std::optional<int> Service::poll_exit(int options) {
    if (exit_status_ || pid_ <= 0) return exit_status_;
    int status = 0;
    if (waitpid(pid_, &status, options) == pid_)
        exit_status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return exit_status_;
}

std::optional<int> Service::exit_status(milliseconds limit) {
    eventually([&] { return poll_exit(WNOHANG).has_value(); }, limit);
    return exit_status_;
}

bool Service::is_running() { return pid_ > 0 && !poll_exit(WNOHANG); }

std::int64_t Service::resident_kb() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6));
    }
    return -1;
}

Service::Ran Service::command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words{PARLEY_BIN};
    words.insert(words.end(), arguments.begin(), arguments.end());
    auto variables = variables_;
    const std::string file = log_file_ + ".command";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, PARLEY_SOURCE_DIR);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    pid_t pid = -1;
    const int failed = posix_spawn(&pid, PARLEY_BIN, &actions, nullptr, pointers(words).data(),
                                   pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    if (failed != 0 || waitpid(pid, &status, 0) != pid) return {};
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), text_of_file(file)};
}

net::Response Service::ask(net::Request request) {
    auto url = net::Url::parse(address()).value();
    net::RequestLimits limits;
    limits.timeout = generous;
    auto answer =
        asio::co_spawn(threads_.context(0), net::fetch(std::move(url), std::move(request), limits),
                       asio::use_future);
    auto response = answer.get();
    if (response) return std::move(*response);
    net::Response none;
    none.status = 0;
    none.body = response.error().message();
    return none;
}

net::Response Service::get(std::string path) {
    net::Request request;
    request.target = std::move(path);
    return ask(std::move(request));
}

}  // namespace parley::integration
