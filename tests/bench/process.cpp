#include "process.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace parley::bench {
namespace {

void pin(pid_t pid, int core) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    sched_setaffinity(pid, sizeof cores, &cores);
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

Process::Process(std::vector<std::string> command, std::vector<std::string> environment, int core,
                 const std::string& log_file) {
    environment.push_back(std::string("PATH=") +
                          (std::getenv("PATH") != nullptr ? std::getenv("PATH") : "/usr/bin:/bin"));
    std::vector<char*> arguments;
    for (auto& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> variables;
    for (auto& word : environment) variables.push_back(word.data());
    variables.push_back(nullptr);
    const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    pid_ = fork();
    if (pid_ == 0) {
        pin(0, core);
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // nothing keeps running when the bench is interrupted
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execve(arguments[0], arguments.data(), variables.data());
        _exit(127);
    }
    close(log);
    if (pid_ < 0) throw std::runtime_error("cannot start " + command.front());
}

Process::~Process() {
    if (pid_ > 0 && is_running()) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
}

std::uint64_t Process::cpu_ns(const std::string& name) const {
    std::uint64_t total = 0;
    std::error_code error;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", error)) {
        std::ifstream name_file(task.path() / "comm");
        std::string its_name;
        std::getline(name_file, its_name);
        if (!its_name.starts_with(name)) continue;
        std::ifstream file(task.path() / "schedstat");
        std::uint64_t on_cpu = 0;
        if (file >> on_cpu) total += on_cpu;
    }
    return total;
}

double Process::resident_mb() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::uint64_t pages = 0;
    std::uint64_t resident = 0;
    file >> pages >> resident;
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

bool Process::is_running() const { return pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == 0; }

void Process::stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::unique_ptr<Process> start(const Service& service, int core) {
    const auto& folder = service.folder;
    auto environment = service.environment;
    environment.insert(
        environment.end(),
        {"OPENAI_API_KEY=sk-bench",
         fmt::format("OPENAI_BASE_URL=http://127.0.0.1:{}/v1", service.model_port),
         fmt::format("PORT={}", service.port), "HOST=127.0.0.1",
         fmt::format("PUBLIC_URL=http://127.0.0.1:{}", service.port),
         "ENABLE_WEBHOOK_VALIDATION=false", "DATABASE_PATH=" + (folder / "bench.db").string(),
         "LOG_LEVEL=" + service.log_level});
    const auto program = std::filesystem::read_symlink("/proc/self/exe").replace_filename("parley");
    auto process = std::make_unique<Process>(
        std::vector<std::string>{program.string(), "-c",
                                 (service.tree / "config/parley.yaml").string(), "--overlay",
                                 (folder / "bench.yaml").string(), "serve"},
        std::move(environment), core, (folder / "parley.log").string());
    wait_for_port(service.port);
    return process;
}

void pin_this_process(int core) { pin(0, core); }

double wait_for_port(std::uint16_t port) {
    const auto start = std::chrono::steady_clock::now();
    const auto address = loopback(port);
    while (std::chrono::steady_clock::now() - start < std::chrono::seconds(10)) {
        const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool is_open =
            connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        close(probe);
        if (is_open)
            return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() -
                                                             start)
                .count();
        usleep(500);
    }
    return -1;
}

std::uint16_t free_port() {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
    close(probe);
    return ntohs(address.sin_port);
}

}  // namespace parley::bench
