// process.hpp: a measured child process: started on one core, looked at through /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace parley::bench {

class Process {
 public:
    // `environment` is all the child gets besides PATH. Output goes to `log_file`.
    Process(std::vector<std::string> command, std::vector<std::string> environment, int core,
            const std::string& log_file);
    ~Process();  // SIGKILL if it still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    // Of all its threads whose name begins so, by the scheduler's own count.
    std::uint64_t cpu_ns(const std::string& name = "") const;
    double resident_mb() const;
    bool is_running() const;
    void stop();  // SIGTERM, and waits

 private:
    pid_t pid_ = -1;
};

// Parley with the shipped settings below those of `folder`/bench.yaml; its database and its log,
// parley.log, are in `folder`, too. It checks no signatures, for the load makes none.
struct Service {
    std::filesystem::path tree, folder;
    std::uint16_t port = 0, model_port = 0;
    std::string log_level = "warn";
    std::vector<std::string> environment = {};  // besides what is always set
};
std::unique_ptr<Process> start(const Service& service, int core);  // when it takes calls

void pin_this_process(int core);
// Until something listens there; the milliseconds it took, or -1 after ten seconds.
double wait_for_port(std::uint16_t port);
std::uint16_t free_port();

}  // namespace parley::bench
