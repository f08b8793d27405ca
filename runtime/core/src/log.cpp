#include <parley/core/log.hpp>

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace parley::log {
namespace {

constexpr std::size_t lines_queued_max = 8192;

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::debug: return spdlog::level::debug;
        case Level::info: return spdlog::level::info;
        case Level::warn: return spdlog::level::warn;
        case Level::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> instance = [] {
        auto direct = std::make_shared<spdlog::logger>("parley", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
        direct->set_level(spdlog::level::warn);
        return direct;
    }();
    return instance;
}

bool is_plain(std::string_view value) {
    if (value.empty()) return false;
    for (const char c : value) {
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F) return false;
    }
    return true;
}

void append_quoted(fmt::memory_buffer& line, std::string_view value) {
    line.push_back('"');
    for (const char c : value) {
        if (c == '"' || c == '\\') line.push_back('\\');
        if (c == '\n') {
            line.append(std::string_view("\\n"));
        } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) {
            fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            line.push_back(c);
        }
    }
    line.push_back('"');
}

}  // namespace

void start(Level threshold) {
    spdlog::init_thread_pool(lines_queued_max, 1);
    auto queued = std::make_shared<spdlog::async_logger>("parley", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(),
                                                         spdlog::thread_pool(), spdlog::async_overflow_policy::overrun_oldest);
    queued->set_level(to_spdlog(threshold));
    queued->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-5l%$ %v");
    queued->flush_on(spdlog::level::info);
    logger() = std::move(queued);
}

void stop() {
    logger()->flush();
    logger() = std::make_shared<spdlog::logger>("parley", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    spdlog::shutdown();
}

void set_threshold(Level threshold) { logger()->set_level(to_spdlog(threshold)); }

bool enabled(Level level) { return logger()->should_log(to_spdlog(level)); }

void write(Level level, std::string_view event, Fields fields) {
    if (!enabled(level)) return;
    fmt::memory_buffer line;
    line.append(event);
    for (const auto& field : fields) {
        line.push_back(' ');
        line.append(field.name);
        line.push_back('=');
        if (is_plain(field.value)) {
            line.append(field.value);
        } else {
            append_quoted(line, field.value);
        }
    }
    logger()->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

Level level_named(std::string_view name) {
    if (name == "debug" || name == "trace") return Level::debug;
    if (name == "warn" || name == "warning") return Level::warn;
    if (name == "error") return Level::error;
    return Level::info;
}

}  // namespace parley::log
