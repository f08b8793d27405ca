#include <parley/archive/retention.hpp>

#include <parley/core/log.hpp>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include <pthread.h>

namespace parley::archive {

namespace fs = std::filesystem;

std::vector<std::string> expired_files(const KeptFiles& kept,
                                       std::chrono::file_clock::time_point now,
                                       std::size_t files_max) {
    std::vector<std::string> found;
    if (kept.days.count() == 0 || kept.dir.empty()) return found;
    std::error_code error;
    for (fs::directory_iterator each(kept.dir, error), end; !error && each != end;
         each.increment(error)) {
        std::error_code ignored;
        const auto status = each->symlink_status(ignored);
        const std::string name = each->path().filename().string();
        const bool has_ending =
            std::any_of(kept.endings.begin(), kept.endings.end(),
                        [&](const auto& ending) { return name.ends_with(ending); });
        if (!fs::is_regular_file(status) || !has_ending || name.starts_with(".")) continue;
        const auto written = fs::last_write_time(each->path(), ignored);
        if (!ignored && written < now - kept.days) found.push_back(each->path().string());
        if (found.size() == files_max) break;
    }
    return found;
}

struct Retention::Impl {
    explicit Impl(Options wanted) : options(std::move(wanted)), thread([this] { run(); }) {}

    bool is_stopping() const {
        const std::lock_guard lock(mutex);
        return is_closing;
    }

    void look() {
        for (const auto& kept : options.files) {
            std::size_t removed = 0;
            for (const auto& path : expired_files(kept, std::chrono::file_clock::now())) {
                if (is_stopping()) return;
                std::error_code error;
                if (fs::remove(path, error)) ++removed;
                if (error)
                    log::warn("retention.not_removed", {{"file", path}, {"why", error.message()}});
            }
            if (removed > 0)
                log::info("retention.removed", {{"dir", kept.dir}, {"files", removed}});
        }
        if (options.journal_days.count() == 0 || !options.forget) return;
        const auto before = std::chrono::system_clock::now() - options.journal_days;
        while (!is_stopping() && options.forget(before)) {
        }
    }

    void run() {
        pthread_setname_np(pthread_self(), "parley-retain");
        std::unique_lock lock(mutex);
        while (!is_closing) {
            lock.unlock();
            look();
            lock.lock();
            wake.wait_for(lock, options.every, [this] { return is_closing; });
        }
    }

    const Options options;
    mutable std::mutex mutex;
    std::condition_variable wake;
    bool is_closing = false;
    std::thread thread;
};

Retention::Retention(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Retention::~Retention() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->is_closing = true;
    }
    impl_->wake.notify_one();
    impl_->thread.join();
}

}  // namespace parley::archive
