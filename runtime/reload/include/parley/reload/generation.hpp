// generation.hpp: scripts and settings of one moment, checked as a whole; what a call is answered
// by.
//
// A Generation exists only when every file is right. It is immutable but for the count of its
// calls. A call takes the current one when it comes in (its routing included) and keeps it to its
// end, so that no call ever mixes two.
//
// Owner:  Generations, and every call that started with it.
// Thread: any.
// End:    with the last of its owners.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/reload/finding.hpp>
#include <parley/reload/restart.hpp>
#include <parley/reload/snapshot.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace parley::reload {

struct Generation {
    std::uint64_t number = 0;  // 1, 2, 3 ...; 0 before it has been published
    std::string version;       // of all files
    WallTime made_at = {};
    config::Settings settings;
    std::shared_ptr<const script::Bundle> bundle;
    Snapshot files;
    // settings that differ from those the process runs with
    std::vector<NeedsRestart> needs_restart;

    mutable std::atomic<int> calls = 0;  // kept by CallTicket
};

// Held by a call for as long as it lives.
class CallTicket {
 public:
    explicit CallTicket(std::shared_ptr<const Generation> generation)
        : generation_(std::move(generation)) {
        ++generation_->calls;
    }
    ~CallTicket() { --generation_->calls; }
    CallTicket(const CallTicket&) = delete;
    CallTicket& operator=(const CallTicket&) = delete;

    const std::shared_ptr<const Generation>& generation() const { return generation_; }
    // The call goes on with another one. On the call's own thread, as is every other use but the
    // last.
    void move_to(std::shared_ptr<const Generation> next) const {
        ++next->calls;
        --generation_->calls;
        generation_ = std::move(next);
    }

 private:
    mutable std::shared_ptr<const Generation> generation_;
};

// What must hold of the migrations besides their SQL.
struct MigrationRule {
    // What the database has had already; nothing where there is no database (`parley check`).
    std::optional<store::AppliedMigrations> applied = {};
    // A save must not apply a migration: a half-written one could not be taken back. Being asked to
    // reload may.
    enum class New { refused, welcome } fresh = New::welcome;
};

struct Built {
    std::shared_ptr<Generation> generation;  // null when there are errors
    std::vector<Finding> findings;           // errors, or the settings' warnings
    // of the files, good or bad; "" when they kept changing
    std::string version;
    std::vector<std::string> new_migrations;
};

// Reads, compiles and checks everything. `running`: the settings of the process, for what needs a
// restart; null: none.
Built build(const Recipe& recipe, const config::Settings* running, const MigrationRule& rule);
// The same from what has been read.
Built build_from(const Recipe& recipe, Snapshot files, const config::Settings* running,
                 const MigrationRule& rule);

}  // namespace parley::reload
