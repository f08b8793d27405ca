#include <parley/core/log.hpp>

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

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
        auto direct = std::make_shared<spdlog::logger>(
            "parley", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
        direct->set_level(spdlog::level::warn);
        return direct;
    }();
    return instance;
}

constexpr std::string_view stars = "***";

// A value that is replaced as a whole. Not std::atomic<std::shared_ptr>: in GCC 12 its reader leaves
// without a release, and the next writer races with it.
template <class T>
class Replaceable {
 public:
    std::shared_ptr<const T> load() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void store(std::shared_ptr<const T> value) {
        const std::lock_guard lock(mutex_);
        value_.swap(value);
    }

 private:
    mutable std::mutex mutex_;
    std::shared_ptr<const T> value_;
};

// Read for every line, written at start and at a reload.
Replaceable<std::vector<std::string>>& hidden() {
    static Replaceable<std::vector<std::string>> secrets;
    return secrets;
}
// As above.
using Mask = std::function<std::string(std::string)>;
Replaceable<Mask>& value_mask() {
    static Replaceable<Mask> set;
    return set;
}
std::mutex& hidden_mutex() {
    static std::mutex mutex;
    return mutex;
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

void hide(std::string_view secret) {
    constexpr std::size_t secret_bytes_min = 6;
    if (secret.size() < secret_bytes_min) return;
    const std::lock_guard lock(hidden_mutex());
    const auto before = hidden().load();
    if (before && std::find(before->begin(), before->end(), secret) != before->end()) return;
    auto more = before ? std::make_shared<std::vector<std::string>>(*before)
                       : std::make_shared<std::vector<std::string>>();
    more->emplace_back(secret);
    hidden().store(std::move(more));
}

std::string without_secrets(std::string text) {
    const auto secrets = hidden().load();
    if (!secrets) return text;
    for (const auto& secret : *secrets) {
        for (auto at = text.find(secret); at != std::string::npos;
             at = text.find(secret, at + stars.size()))
            text.replace(at, secret.size(), stars);
    }
    return text;
}

void mask_with(Mask mask) {
    value_mask().store(mask ? std::make_shared<const Mask>(std::move(mask)) : nullptr);
}

void start(Level threshold) {
    spdlog::init_thread_pool(lines_queued_max, 1);
    auto queued = std::make_shared<spdlog::async_logger>(
        "parley", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(), spdlog::thread_pool(),
        spdlog::async_overflow_policy::overrun_oldest);
    queued->set_level(to_spdlog(threshold));
    queued->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-5l%$ %v");
    queued->flush_on(spdlog::level::info);
    logger() = std::move(queued);
}

void stop() {
    logger()->flush();
    logger() = std::make_shared<spdlog::logger>(
        "parley", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    spdlog::shutdown();
}

thread_local Capture* Capture::current_ = nullptr;

Capture::Capture(Level threshold, Take take)
    : threshold_(threshold), take_(std::move(take)), earlier_(current_) {
    current_ = this;
}

Capture::~Capture() { current_ = earlier_; }

bool enabled(Level level) {
    if (Capture::current_ != nullptr) return level >= Capture::current_->threshold_;
    return logger()->should_log(to_spdlog(level));
}

void set_threshold(Level threshold) { logger()->set_level(to_spdlog(threshold)); }

void write(Level level, std::string_view event, Fields fields) {
    if (!enabled(level)) return;
    if (Capture::current_ != nullptr) return Capture::current_->take_(level, event, fields);
    const auto mask = value_mask().load();
    fmt::memory_buffer line;
    line.append(event);
    for (const auto& field : fields) {
        line.push_back(' ');
        line.append(field.name);
        line.push_back('=');
        std::string value = without_secrets(field.value);
        if (mask) value = (*mask)(std::move(value));
        if (is_plain(value)) {
            line.append(value);
        } else {
            append_quoted(line, value);
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
