// retention.hpp: what a call leaves behind is deleted after some days.
//
// Looks at the start and then each hour. Files count by the time they were last written. Only files
// whose names Parley gives are touched.
//
// Owner: app. Thread: its own. End: the destructor waits for the file or batch under way.
#pragma once

#include <parley/core/clock.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::archive {

struct KeptFiles {
    std::string dir;
    std::chrono::days days{0};         // 0: for ever
    std::vector<std::string> endings;  // ".txt"
};

// Files of `kept` that are older than their days at `now`; at most `files_max`.
std::vector<std::string> expired_files(const KeptFiles& kept,
                                       std::chrono::file_clock::time_point now,
                                       std::size_t files_max = 10'000);

class Retention {
 public:
    struct Options {
        std::vector<KeptFiles> files;
        std::chrono::days journal_days{0};
        // Deletes some calls that ended before then; true while there are more. Waits.
        std::function<bool(WallTime before)> forget = {};
        std::chrono::seconds every{3'600};
    };
    explicit Retention(Options options);
    ~Retention();
    Retention(const Retention&) = delete;
    Retention& operator=(const Retention&) = delete;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::archive
