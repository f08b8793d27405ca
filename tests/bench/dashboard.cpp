#include "dashboard.hpp"

#include "load.hpp"
#include "process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace parley::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int measured_core = 0;
constexpr int load_core = 1;
constexpr int turn_every_s = 5;  // of each call: what there is to tell of
constexpr const char* token = "a-token-for-this-bench-alone-0123456789";
// What the page asks when its stream has opened, and again and again (ops/page/main.mjs).
constexpr std::array questions{
    "/dashboard/api/calls/active", "/health",     "/dashboard/api/calls/stats",
    "/dashboard/api/metrics",      "/api/status", "/dashboard/api/calls/appointments"};
constexpr std::chrono::seconds health_every{15};
constexpr int niceness = 10;  // of the viewers: on the load's core the load comes first

// Pages that are open: each with its stream, and asking what the page asks. On a thread of their own.
class Viewers {
 public:
    Viewers(std::uint16_t port, int count) : port_(port) {
        for (int i = 0; i < count; ++i) {
            const int stream = ask("/dashboard/stream");
            streams_.push_back({.fd = stream, .events = POLLIN, .revents = 0});
            for (const auto* path : questions) read_answer(path);
        }
        thread_ = std::thread([this] { run(); });
    }
    ~Viewers() {
        is_over_ = true;
        thread_.join();
        for (const auto& stream : streams_)
            if (stream.fd >= 0) close(stream.fd);
    }
    Viewers(const Viewers&) = delete;
    Viewers& operator=(const Viewers&) = delete;

    std::uint64_t bytes() const { return bytes_; }
    int lost() const { return lost_; }

 private:
    int ask(const std::string& path) {
        const int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto request = fmt::format(
            "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\nConnection: {}\r\n\r\n",
            path, token, path == "/dashboard/stream" ? "keep-alive" : "close");
        if (connect(peer, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            send(peer, request.data(), request.size(), MSG_NOSIGNAL) < 0)
            ++lost_;
        return peer;
    }
    void read_answer(const std::string& path) {
        const int peer = ask(path);
        std::string beginning;
        for (ssize_t got = 0; (got = recv(peer, buffer_.data(), buffer_.size(), 0)) > 0;)
            if (beginning.empty()) beginning.assign(buffer_.data(), static_cast<std::size_t>(got));
        close(peer);
        if (beginning.find(" 200 ") != 8) ++lost_;
    }
    void run() {
        setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), niceness);
        auto next_question = Clock::now();
        while (!is_over_) {
            poll(streams_.data(), streams_.size(), 20);
            for (auto& stream : streams_) {
                if (stream.revents == 0) continue;
                const auto got = recv(stream.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
                if (got > 0) bytes_ += static_cast<std::uint64_t>(got);
                if (got != 0) continue;
                ++lost_;
                close(std::exchange(stream.fd, -1));  // poll passes over it from now on
            }
            if (streams_.empty() || Clock::now() < next_question) continue;
            next_question += health_every / streams_.size();
            read_answer("/health");
        }
    }

    const std::uint16_t port_;
    std::vector<pollfd> streams_;
    std::vector<char> buffer_ = std::vector<char>(64 * 1024);
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<int> lost_ = 0;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

struct Figures {
    double io_share = 0;    // of one core, of the threads that carry calls
    double live_share = 0;  // of the dashboard's own thread
    double up_p99_ms = 0, down_p99_ms = 0;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

template <class Which>
double median_of(const std::vector<Figures>& all, Which which) {
    std::vector<double> values;
    for (const auto& each : all) values.push_back(which(each));
    return median(std::move(values));
}

}  // namespace

int measure_dashboard(const DashboardPlan& wanted) {
    pin_this_process(load_core);
    const fs::path folder =
        fs::temp_directory_path() / fmt::format("parley-bench-dashboard-{}", getpid());
    fs::create_directories(folder);
    Plan plan{.calls = wanted.calls, .measure_s = wanted.seconds, .turn_every_s = turn_every_s};
    plan.target_port = free_port();
    plan.model_port = free_port();
    std::ofstream(folder / "bench.yaml")
        << "server: {io_threads: 1}\ncalls: {duration_max_minutes: 30}\n";
    const auto process = start({.tree = wanted.tree,
                                .folder = folder,
                                .port = plan.target_port,
                                .model_port = plan.model_port,
                                .environment = {fmt::format("PARLEY_ADMIN_TOKEN={}", token)}},
                               measured_core);

    fmt::print("{} calls in progress, each with a turn every {} s, all threads on one core\n",
               wanted.calls, turn_every_s);
    fmt::print("{:<8} {:>10} {:>10} {:>17} {:>17} {:>6} {:>10}\n", "viewers", "io threads",
               "dashboard", "up ms p50/p99", "down ms p50/p99", "load", "KB/s each");
    std::map<int, std::vector<Figures>> measured;
    int failures = 0;
    for (int round = 0; round < wanted.rounds; ++round) {
        for (const int count : wanted.viewers) {
            const Viewers viewers(plan.target_port, count);
            std::uint64_t io = 0, live = 0, bytes = 0;
            auto load = Load(plan);
            auto result = load.run(
                [&] {
                    io = process->cpu_ns("parley-io");
                    live = process->cpu_ns("parley-live");
                    bytes = viewers.bytes();
                },
                [&] {
                    io = process->cpu_ns("parley-io") - io;
                    live = process->cpu_ns("parley-live") - live;
                    bytes = viewers.bytes() - bytes;
                });
            const auto share = [&](std::uint64_t ns) {
                return static_cast<double>(ns) / 1e9 / result.measured_s;
            };
            measured[count].push_back({share(io), share(live), result.up.percentile(0.99) / 1000,
                                       result.down.percentile(0.99) / 1000});
            const auto& row = measured[count].back();
            fmt::print(
                "{:<8} {:>9.1f}% {:>9.1f}% {:>17} {:>17} {:>5.0f}% {:>10.1f}{}{}{}\n", count,
                row.io_share * 100, row.live_share * 100,
                fmt::format("{:.2f}/{:.2f}", result.up.percentile(0.5) / 1000, row.up_p99_ms),
                fmt::format("{:.2f}/{:.2f}", result.down.percentile(0.5) / 1000, row.down_p99_ms),
                result.cpu_share * 100,
                count == 0 ? 0 : static_cast<double>(bytes) / 1e3 / result.measured_s / count,
                viewers.lost() > 0 ? fmt::format("  ! {} viewers lost", viewers.lost()) : "",
                result.fault.empty() ? "" : "  ! ", result.fault);
            std::fflush(stdout);
            failures += viewers.lost() + (result.calls_up == wanted.calls ? 0 : 1) +
                        (result.fault.empty() ? 0 : 1);
        }
    }
    const auto quiet = measured.find(0);
    for (const auto& [count, rows] : measured) {
        if (count == 0 || quiet == measured.end()) continue;
        const auto moved = [&](auto which) {
            return median_of(rows, which) - median_of(quiet->second, which);
        };
        fmt::print(
            "{} viewers, medians: io threads {:+.1f} points of a core ({:+.1f} %), p99 up {:+.2f} ms, down {:+.2f} ms\n",
            count, moved([](const Figures& row) { return row.io_share; }) * 100,
            moved([](const Figures& row) { return row.io_share; }) * 100 /
                median_of(quiet->second, [](const Figures& row) { return row.io_share; }),
            moved([](const Figures& row) { return row.up_p99_ms; }),
            moved([](const Figures& row) { return row.down_p99_ms; }));
    }
    fs::remove_all(folder);
    return failures == 0 ? 0 : 1;
}

}  // namespace parley::bench
