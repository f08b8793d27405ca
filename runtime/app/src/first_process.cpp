#include "first_process.hpp"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace parley::app {

bool is_first_process() { return getpid() == 1; }

void end_on_signals_as_others_do() {
    for (const int number : {SIGTERM, SIGINT})
        std::signal(number, [](int signal) { _exit(128 + signal); });
}

void reap_orphans() {
    while (waitpid(-1, nullptr, WNOHANG | __WNOTHREAD) > 0) {
    }
}

}  // namespace parley::app
