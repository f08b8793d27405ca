#include <parley/reload/watcher.hpp>

#include <parley/core/log.hpp>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace parley::reload {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t events_wanted = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO |
                                        IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                                        IN_ATTRIB | IN_ONLYDIR;
constexpr std::size_t depth_max = 8;
constexpr std::size_t folders_max = 1'000;

std::string folder_of(const std::string& path) {
    const auto parent = fs::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

bool is_script(std::string_view name) {
    return !name.starts_with(".") && (name.ends_with(".lua") || name.ends_with(".sql"));
}

// FNV-1a: only has to differ.
void mix(std::uint64_t& hash, const void* bytes, std::size_t count) {
    const auto* at = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i < count; ++i) hash = (hash ^ at[i]) * 0x100000001B3ULL;
}

void mix_file(std::uint64_t& hash, const std::string& path) {
    struct stat about {};
    mix(hash, path.data(), path.size());
    if (::stat(path.c_str(), &about) != 0) return;
    const std::array<std::int64_t, 4> parts{static_cast<std::int64_t>(about.st_ino),
                                            static_cast<std::int64_t>(about.st_size),
                                            static_cast<std::int64_t>(about.st_mtim.tv_sec),
                                            static_cast<std::int64_t>(about.st_mtim.tv_nsec)};
    mix(hash, parts.data(), sizeof(parts));
}

}  // namespace

Watcher::Watcher(Paths paths, Wanted wanted) : paths_(std::move(paths)) {
    if (wanted == Wanted::off) return;
    if (wanted == Wanted::poll) {
        use_poll("");
        return;
    }
    kind_ = Kind::inotify;
    descriptor_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (descriptor_ < 0 || !watch_all()) use_poll(std::strerror(errno));
}

Watcher::~Watcher() {
    if (descriptor_ >= 0) close(descriptor_);
}

void Watcher::use_poll(std::string_view why) {
    if (!why.empty()) {
        log::warn("script.watch_by_polling",
                  {{"what", why},
                   {"effect", "changes are seen within a second or two"},
                   {"remedy", "raise fs.inotify.max_user_watches, or write scripts.watch: poll"}});
    }
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
    folders_.clear();
    kind_ = Kind::poll;
    last_fingerprint_ = fingerprint();
}

bool Watcher::watch(Folder folder) {
    const int id = inotify_add_watch(descriptor_, folder.path.c_str(), events_wanted);
    // not there yet: its parent tells when it is
    if (id < 0) return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
    auto& known = folders_[id];
    known.path = folder.path;
    known.is_tree = known.is_tree || folder.is_tree;
    known.names.merge(folder.names);
    return true;
}

bool Watcher::watch_tree(const std::string& path) {
    if (!watch({path, true, {}})) return false;
    std::error_code error;
    fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
        std::error_code ignored;
        if (!it->is_directory(ignored) || it->is_symlink(ignored)) continue;
        if (it->path().filename().string().starts_with(".") ||
            static_cast<std::size_t>(it.depth()) >= depth_max) {
            it.disable_recursion_pending();  // .git is no place for scripts
            continue;
        }
        if (folders_.size() >= folders_max || !watch({it->path().string(), true, {}})) return false;
    }
    return true;
}

// Adding a watch that is there already gives the same one; those that are not found again are of
// folders that went.
bool Watcher::watch_all() {
    const auto before = std::exchange(folders_, {});
    bool is_complete = watch_tree(paths_.scripts_dir);
    // The folder itself may be replaced by another, as deployments do.
    const auto scripts = fs::path(paths_.scripts_dir).lexically_normal();
    const auto name =
        scripts.has_filename() ? scripts.filename() : scripts.parent_path().filename();
    const auto above = scripts.has_filename() ? scripts.string() : scripts.parent_path().string();
    is_complete = watch({folder_of(above), false, {name.string()}}) && is_complete;
    for (const auto& file : paths_.files) {
        if (file.empty()) continue;
        is_complete =
            watch({folder_of(file), false, {fs::path(file).filename().string()}}) && is_complete;
    }
    for (const auto& [id, folder] : before) {
        if (!folders_.contains(id)) inotify_rm_watch(descriptor_, id);
    }
    return is_complete;
}

bool Watcher::counts(const Folder& folder, std::string_view name, bool is_folder) const {
    // "..data" is how orchestrators swap a mounted folder of settings.
    if (folder.names.contains(name) || name.starts_with("..")) return true;
    return folder.is_tree && (is_folder ? !name.starts_with(".") : is_script(name));
}

bool Watcher::look() {
    if (kind_ == Kind::off) return false;
    if (kind_ == Kind::poll) {
        const auto now = fingerprint();
        return std::exchange(last_fingerprint_, now) != now;
    }
    bool has_changed = false;
    bool is_tree_changed = false;
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    while (true) {
        const auto size = read(descriptor_, buffer.data(), buffer.size());
        if (size <= 0) break;
        for (const char* at = buffer.data(); at < buffer.data() + size;) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);
            at += sizeof(inotify_event) + event->len;
            if ((event->mask & IN_Q_OVERFLOW) != 0) {
                has_changed = is_tree_changed = true;
                continue;
            }
            const auto folder = folders_.find(event->wd);
            if (folder == folders_.end()) continue;
            if ((event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
                has_changed = is_tree_changed = true;
                if ((event->mask & IN_IGNORED) != 0) folders_.erase(folder);
                continue;
            }
            const bool is_folder = (event->mask & IN_ISDIR) != 0;
            if (event->len == 0 || !counts(folder->second, event->name, is_folder)) continue;
            has_changed = true;
            is_tree_changed =
                is_tree_changed || is_folder || (event->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
        }
    }
    if (is_tree_changed && !watch_all()) use_poll(std::strerror(errno));
    return has_changed;
}

std::uint64_t Watcher::fingerprint() const {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    std::set<std::string> files;
    std::error_code error;
    fs::recursive_directory_iterator it(paths_.scripts_dir,
                                        fs::directory_options::skip_permission_denied, error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
        if (it->path().filename().string().starts_with(".")) {
            it.disable_recursion_pending();
        } else if (is_script(it->path().filename().string()) && files.size() < 10 * folders_max) {
            files.insert(it->path().string());
        }
    }
    for (const auto& file : files) mix_file(hash, file);
    for (const auto& file : paths_.files) mix_file(hash, file);
    return hash;
}

}  // namespace parley::reload
