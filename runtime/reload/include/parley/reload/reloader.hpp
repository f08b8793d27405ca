// reloader.hpp: builds the next generation aside, when a file was saved or somebody asks, and
// publishes it when it is good.
//
// One thread, of low priority, watches, reads, compiles and checks; no io thread ever waits for it.
// A save counts once nothing has changed for 200 ms. What decides is the content: touching a file
// builds nothing. A generation that is refused is told in the log (`script.reload_refused`, each
// fault with file and line) and kept for the status.
//
// A save does not apply a new migration, since a half-written one could not be taken back: such a
// generation is refused until somebody asks for the reload (`parley reload`, SIGHUP, the API),
// which applies it first.
//
// Owner:  app. The Generations and whatever the hooks use outlive it.
// Thread: ask() from any thread; hooks and `done` run on the reloader's.
// End:    stop() or the destructor: a build under way is finished, what still waits is answered with `stopping`.
#pragma once

#include <parley/reload/debounce.hpp>
#include <parley/reload/generations.hpp>
#include <parley/reload/watcher.hpp>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace parley::reload {

struct Outcome {
    enum class Kind {
        published,
        unchanged,
        refused,
        rolled_back,
        nothing_before,
        previewed,
        stopping
    } kind = Kind::stopping;
    std::shared_ptr<const Generation> serving;  // after it; null when stopping
    std::vector<Finding> findings;              // errors of a refusal, otherwise warnings
    std::vector<std::string> migrations;        // applied with it
    // of a preview: what a reload would publish; null when it would be refused
    std::shared_ptr<const Generation> next;
    milliseconds took{};

    bool is_good() const {
        return kind == Kind::published || kind == Kind::unchanged || kind == Kind::rolled_back;
    }
};
json::object to_json(const Outcome& outcome);

class Reloader {
 public:
    struct Hooks {
        std::function<store::AppliedMigrations()> applied_migrations;
        std::function<Checked<void>(store::MigrationTexts)> migrate;  // may block
        // what must be ready when calls get it
        std::function<void(const Generation&)> before_publish;
        // also after a rollback
        std::function<void(const std::shared_ptr<const Generation>&)> published;
    };
    struct Options {
        Recipe recipe;  // with scripts_dir
        Watcher::Wanted watch = Watcher::Wanted::inotify;
        Debounce::Options debounce = {};
    };
    enum class Ask { reload, roll_back, preview };  // a preview builds, and publishes nothing

    // `generations`: what serves already, and the settings the process runs with are those of its
    // first.
    Reloader(Options options, Generations& generations, Hooks hooks);
    ~Reloader();
    Reloader(const Reloader&) = delete;
    Reloader& operator=(const Reloader&) = delete;

    void start();
    void stop();
    void ask(Ask what, Cause cause, std::function<void(Outcome)> done);

    Watcher::Kind watching() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::reload
