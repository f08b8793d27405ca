// watcher.hpp: tells that something changed in the scripts tree or the settings files. What, is
// found out by reading.
//
// Folders are watched, not files: editors save by renaming a new file over the old one. Where the
// system cannot tell (no inotify, no watches left, a network disk with scripts.watch: poll) the
// files' names, sizes and times are looked at every second. Changes of files that do not count
// (editors' backups, the database) are passed over.
//
// Owner: Reloader. Thread: one.
#pragma once

#include <parley/core/clock.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace parley::reload {

class Watcher {
 public:
    enum class Wanted { inotify, poll, off };
    enum class Kind { inotify, poll, off };
    struct Paths {
        std::string scripts_dir;
        std::vector<std::string> files;  // settings, overlays, .env; they need not exist
    };
    static constexpr milliseconds poll_every{1'000};

    Watcher(Paths paths, Wanted wanted);
    ~Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    Kind kind() const { return kind_; }  // from any thread
    // Readable when there may be news; -1 where look() must be called every poll_every.
    int descriptor() const { return descriptor_; }
    // Takes in what has happened. True when something that counts may have changed.
    bool look();

 private:
    struct Folder {
        std::string path;
        bool is_tree = false;                      // below scripts_dir: every script counts
        std::set<std::string, std::less<>> names;  // elsewhere: these do
    };
    bool watch_all();
    bool watch_tree(const std::string& path);
    bool watch(Folder folder);
    bool counts(const Folder& folder, std::string_view name, bool is_folder) const;
    void use_poll(std::string_view why);
    std::uint64_t fingerprint() const;

    const Paths paths_;
    std::atomic<Kind> kind_ = Kind::off;
    int descriptor_ = -1;
    std::map<int, Folder> folders_;  // by watch descriptor
    std::uint64_t last_fingerprint_ = 0;
};

}  // namespace parley::reload
