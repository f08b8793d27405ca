// generations.hpp: the generation that new calls get, those before it, and the last one that
// failed.
//
// Owner:  app. Thread: any; a mutex guards a few pointers, never the building.
// End:    calls keep what they hold.
#pragma once

#include <parley/reload/generation.hpp>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::reload {

// Why a generation was built, or served again.
enum class Cause { start, saved, asked, signal, rollback };
std::string_view to_string(Cause cause);

class Generations {
 public:
    static constexpr std::size_t kept_max = 5;  // to roll back to; the one that serves counts

    struct Failure {
        WallTime at = {};
        Cause cause = Cause::saved;
        std::string version;
        std::vector<Finding> findings;
        bool is_current = true;  // nothing better has been read since
    };
    struct Line {
        std::shared_ptr<const Generation> generation;
        bool is_serving = false;
        bool can_be_rolled_back_to = false;
    };
    struct Status {
        std::shared_ptr<const Generation> serving;
        WallTime since = {};
        Cause cause = Cause::start;
        // newest first: those kept, and older ones that still have calls
        std::vector<Line> generations;
        std::optional<Failure> failure;  // the last
        WallTime last_success = {};
        std::uint64_t successes = 0;  // reloads published, the start not counted
        std::uint64_t failures = 0;
        std::uint64_t rollbacks = 0;
    };

    // `first` is generation 1.
    Generations(std::shared_ptr<Generation> first, WallTime now);

    std::shared_ptr<const Generation> current() const;

    // Gives it the next number; from now on new calls take it.
    std::shared_ptr<const Generation> publish(std::shared_ptr<Generation> next, Cause cause,
                                              WallTime now);
    void refuse(Failure failure);
    // The files are again what serves: nothing is wrong any more.
    void mended(WallTime now);
    // The generation that served before; null when there is none.
    std::shared_ptr<const Generation> roll_back(WallTime now);

    Status status() const;

 private:
    mutable std::mutex mutex_;
    // the last one serves; the others did before it
    std::deque<std::shared_ptr<const Generation>> serving_;
    std::vector<std::weak_ptr<const Generation>> older_;  // no longer kept, but maybe by a call
    std::uint64_t next_number_ = 1;
    Status counts_;  // without `serving` and `generations`
};

}  // namespace parley::reload
