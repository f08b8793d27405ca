#include <parley/reload/reloader.hpp>

#include <parley/core/log.hpp>

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace parley::reload {
namespace {

// A build is milliseconds of hard work: on a busy machine the calls' threads go first.
constexpr int niceness = 10;  // above whatever the process has
constexpr std::size_t faults_logged_max = 20;
constexpr std::size_t waiting_max = 1'000;

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

json::object to_json(const Outcome& outcome) {
    const char* names[] = {"reloaded",       "unchanged", "refused", "rolled_back",
                           "nothing_before", "previewed", "stopping"};
    json::object object;
    object["result"] = names[static_cast<std::size_t>(outcome.kind)];
    if (outcome.serving) {
        object["generation"] = outcome.serving->number;
        object["version"] = outcome.serving->version;
        json::array waiting;
        for (const auto& each : outcome.serving->needs_restart) waiting.push_back(to_json(each));
        object["needs_restart"] = std::move(waiting);
    }
    json::array findings;
    for (const auto& each : outcome.findings) findings.push_back(to_json(each));
    object["findings"] = std::move(findings);
    json::array migrations;
    for (const auto& each : outcome.migrations) migrations.push_back(json::value(each));
    object["migrations"] = std::move(migrations);
    object["took_ms"] = outcome.took.count();
    return object;
}

struct Reloader::Impl {
    struct Request {
        Ask what;
        Cause cause;
        std::function<void(Outcome)> done;
    };

    Impl(Options wanted, Generations& those, Hooks callbacks)
        : options(std::move(wanted)),
          generations(those),
          hooks(std::move(callbacks)),
          first(those.current()),
          watcher(paths(), options.watch),
          debounce(options.debounce),
          wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
          last_version(first->version) {}
    ~Impl() { close(wake); }

    Watcher::Paths paths() const {
        Watcher::Paths all{options.recipe.scripts_dir, options.recipe.options.overlays};
        all.files.push_back(options.recipe.options.file);
        if (!options.recipe.options.env_file.empty())
            all.files.push_back(options.recipe.options.env_file);
        return all;
    }

    void run();
    void wait() const;
    void answer_all(std::vector<Request> requests);
    void handle_save();
    Outcome reload(Cause cause);
    Outcome reload_from(Snapshot files, Cause cause, TimePoint began);
    Outcome refuse(Built built, Cause cause, TimePoint began);
    Outcome roll_back();
    Outcome preview() const;
    void log_published(const Outcome& outcome, Cause cause) const;

    const Options options;
    Generations& generations;
    const Hooks hooks;
    const std::shared_ptr<const Generation> first;  // the process runs with its settings
    Watcher watcher;
    Debounce debounce;
    const int wake;
    std::string last_version;  // of what was built last, good or bad

    mutable std::mutex mutex;
    std::vector<Request> requests;
    bool is_stopping = false;
    std::thread thread;
};

Reloader::Reloader(Options options, Generations& generations, Hooks hooks)
    : impl_(std::make_unique<Impl>(std::move(options), generations, std::move(hooks))) {}

Reloader::~Reloader() { stop(); }

Watcher::Kind Reloader::watching() const { return impl_->watcher.kind(); }

void Reloader::start() {
    impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void Reloader::stop() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->is_stopping = true;
    }
    eventfd_write(impl_->wake, 1);
    if (impl_->thread.joinable()) impl_->thread.join();
    std::vector<Impl::Request> left;
    {
        const std::lock_guard lock(impl_->mutex);
        left.swap(impl_->requests);
    }
    for (auto& request : left) request.done(Outcome{});
}

void Reloader::ask(Ask what, Cause cause, std::function<void(Outcome)> done) {
    {
        const std::lock_guard lock(impl_->mutex);
        if (!impl_->is_stopping && impl_->requests.size() < waiting_max) {
            impl_->requests.push_back({what, cause, std::move(done)});
            done = nullptr;
        }
    }
    if (done) return done(Outcome{});
    eventfd_write(impl_->wake, 1);
}

void Reloader::Impl::run() {
    pthread_setname_np(pthread_self(), "parley-reload");
    const auto self = static_cast<id_t>(syscall(SYS_gettid));
    setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + niceness);
    // What was saved between the first reading and the first look.
    if (watcher.kind() != Watcher::Kind::off) debounce.changed(Clock::now());
    while (true) {
        wait();
        eventfd_t ignored = 0;
        eventfd_read(wake, &ignored);
        std::vector<Request> waiting;
        {
            const std::lock_guard lock(mutex);
            if (is_stopping) return;
            waiting.swap(requests);
        }
        if (watcher.look()) debounce.changed(Clock::now());
        answer_all(std::move(waiting));
        if (debounce.take_due(Clock::now())) handle_save();
    }
}

void Reloader::Impl::wait() const {
    int timeout =
        watcher.kind() == Watcher::Kind::poll ? static_cast<int>(Watcher::poll_every.count()) : -1;
    if (const auto due = debounce.due_at()) {
        const auto left = std::chrono::ceil<milliseconds>(*due - Clock::now()).count();
        const int until = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
        timeout = timeout < 0 ? until : std::min(timeout, until);
    }
    std::array<pollfd, 2> watched{pollfd{wake, POLLIN, 0}, pollfd{watcher.descriptor(), POLLIN, 0}};
    poll(watched.data(), watcher.descriptor() < 0 ? 1 : 2, timeout);
}

void Reloader::Impl::answer_all(std::vector<Request> asked) {
    for (auto& request : asked) {
        Outcome outcome;
        try {
            outcome = request.what == Ask::reload      ? reload(request.cause)
                      : request.what == Ask::roll_back ? roll_back()
                                                       : preview();
        } catch (const std::exception& error) {
            log::error("script.reload_threw", {{"what", error.what()}});
            outcome.kind = Outcome::Kind::refused;
            outcome.serving = generations.current();
            outcome.findings.push_back(
                {Severity::error, "", 0, error.what(),
                 "this is a mistake in parley; the generation before it serves on", ""});
        }
        request.done(std::move(outcome));
    }
}

void Reloader::Impl::handle_save() {
    try {
        const auto began = Clock::now();
        auto files = take_snapshot(options.recipe);
        if (!files) return debounce.changed(Clock::now());  // still being written: a little later
        const auto version = files->version();
        // Touched, not changed. After a rollback this keeps what was taken away from coming back by
        // itself.
        if (version == last_version) return;
        // Rolled back from, reverted to what serves: there is nothing to build, and nothing wrong
        // any more.
        if (version == generations.current()->version) {
            last_version = version;
            generations.mended(std::chrono::system_clock::now());
            log::info("script.unchanged", {{"generation", generations.current()->number},
                                           {"what", "the files are what serves"}});
            return;
        }
        reload_from(std::move(*files), Cause::saved, began);
    } catch (const std::exception& error) {
        log::error("script.reload_threw", {{"what", error.what()}});
    }
}

Outcome Reloader::Impl::reload(Cause cause) {
    const auto began = Clock::now();
    debounce.forget();  // this reading has it all
    auto files = take_snapshot(options.recipe);
    if (!files) return refuse(build(options.recipe, nullptr, {}), cause, began);
    if (files->version() == generations.current()->version) {
        last_version = files->version();
        generations.mended(std::chrono::system_clock::now());
        log::info("script.unchanged", {{"generation", generations.current()->number},
                                       {"cause", to_string(cause)},
                                       {"what", "the files are what serves"}});
        Outcome outcome{.kind = Outcome::Kind::unchanged, .serving = generations.current()};
        outcome.took = std::chrono::duration_cast<milliseconds>(Clock::now() - began);
        return outcome;
    }
    return reload_from(std::move(*files), cause, began);
}

Outcome Reloader::Impl::reload_from(Snapshot files, Cause cause, TimePoint began) {
    MigrationRule rule;
    if (hooks.applied_migrations) rule.applied = hooks.applied_migrations();
    rule.fresh = cause == Cause::saved ? MigrationRule::New::refused : MigrationRule::New::welcome;
    auto built = build_from(options.recipe, std::move(files), &first->settings, rule);
    last_version = built.version;
    if (!built.generation) return refuse(std::move(built), cause, began);
    if (!built.new_migrations.empty() && hooks.migrate) {
        if (const auto migrated = hooks.migrate(built.generation->files.migrations); !migrated) {
            const auto& fault = migrated.error();
            built.generation.reset();
            built.findings = {{Severity::error, fault.where, 0, fault.what, fault.remedy, ""}};
            return refuse(std::move(built), cause, began);
        }
    }
    if (hooks.before_publish) hooks.before_publish(*built.generation);
    Outcome outcome{.kind = Outcome::Kind::published};
    outcome.serving =
        generations.publish(std::move(built.generation), cause, std::chrono::system_clock::now());
    outcome.findings = std::move(built.findings);
    outcome.migrations = std::move(built.new_migrations);
    outcome.took = std::chrono::duration_cast<milliseconds>(Clock::now() - began);
    log_published(outcome, cause);
    if (hooks.published) hooks.published(outcome.serving);
    return outcome;
}

void Reloader::Impl::log_published(const Outcome& outcome, Cause cause) const {
    log::info("script.reloaded",
              {{"generation", outcome.serving->number},
               {"version", outcome.serving->version},
               {"cause", to_string(cause)},
               {"migrations", outcome.migrations.empty() ? "none" : joined(outcome.migrations)},
               {"ms", outcome.took.count()}});
    for (const auto& each : outcome.serving->needs_restart) {
        log::warn("config.needs_restart", {{"setting", each.setting},
                                           {"running", each.running},
                                           {"wanted", each.wanted},
                                           {"where", each.source}});
    }
}

Outcome Reloader::Impl::refuse(Built built, Cause cause, TimePoint began) {
    Outcome outcome{.kind = Outcome::Kind::refused, .serving = generations.current()};
    outcome.took = std::chrono::duration_cast<milliseconds>(Clock::now() - began);
    // Before the lines: who reads one and asks finds it here.
    generations.refuse(
        {std::chrono::system_clock::now(), cause, built.version, built.findings, true});
    std::size_t told = 0;
    for (const auto& each : built.findings) {
        if (each.severity != Severity::error) continue;
        if (++told > faults_logged_max) break;
        log::error("script.reload_refused", {{"fault", each.text()},
                                             {"line", each.source_line},
                                             {"serving", outcome.serving->number}});
    }
    if (told > faults_logged_max) {
        log::error("script.reload_refused",
                   {{"fault", fmt::format("and more; {} in all", built.findings.size())},
                    {"remedy", "`parley status` shows them"}});
    }
    outcome.findings = std::move(built.findings);
    return outcome;
}

Outcome Reloader::Impl::roll_back() {
    const auto before = generations.current();
    const auto serving = generations.roll_back(std::chrono::system_clock::now());
    if (!serving) return {.kind = Outcome::Kind::nothing_before, .serving = before};
    log::warn(
        "script.rolled_back",
        {{"from", before->number},
         {"generation", serving->number},
         {"version", serving->version},
         {"what", "the files still hold what was rolled back; the next save is built from them"}});
    if (hooks.before_publish) hooks.before_publish(*serving);
    if (hooks.published) hooks.published(serving);
    return {.kind = Outcome::Kind::rolled_back, .serving = serving};
}

Outcome Reloader::Impl::preview() const {
    MigrationRule rule;
    if (hooks.applied_migrations) rule.applied = hooks.applied_migrations();
    auto built = build(options.recipe, &first->settings, rule);
    return {.kind = Outcome::Kind::previewed,
            .serving = generations.current(),
            .findings = std::move(built.findings),
            .migrations = std::move(built.new_migrations),
            .next = std::move(built.generation)};
}

}  // namespace parley::reload
