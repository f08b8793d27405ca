#include <parley/reload/snapshot.hpp>

#include <parley/core/crypto.hpp>

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

namespace parley::reload {
namespace {

namespace fs = std::filesystem;

constexpr int readings_max = 10;
constexpr int between_readings_ms = 20;
constexpr std::size_t version_length = 12;
// one more than settings may have: they are refused later
constexpr std::size_t settings_bytes_max = 1024 * 1024 + 1;

// Nothing for a file that cannot be read: loading the settings says why.
void read_into(std::map<std::string, std::string>& texts, const std::string& path) {
    std::error_code ignored;
    if (path.empty() || fs::is_directory(path, ignored)) return;
    std::ifstream file(path, std::ios::binary);
    if (!file) return;
    std::string text;
    std::array<char, 16 * 1024> piece;
    while (file && text.size() < settings_bytes_max) {
        file.read(piece.data(), piece.size());
        text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (!file.bad()) texts[path] = std::move(text);
}

Snapshot read_once(const Recipe& recipe) {
    Snapshot files;
    read_into(files.settings, recipe.options.file);
    for (const auto& overlay : recipe.options.overlays) read_into(files.settings, overlay);
    read_into(files.settings, recipe.options.env_file);

    files.scripts_dir = recipe.scripts_dir;
    if (files.scripts_dir.empty()) {
        auto options = recipe.options;
        options.texts = files.settings;
        const auto settings = config::load(options);
        files.scripts_dir = scripts_dir_of(
            recipe, settings ? settings->scripts.dir : config::Settings().scripts.dir);
    }
    files.scripts = script::Library::read(files.scripts_dir, files.faults);
    const fs::path migrations = fs::path(files.scripts_dir) / "migrations";
    std::error_code ignored;
    if (fs::is_directory(migrations, ignored)) {
        auto texts = store::read_migrations(migrations.string());
        if (texts) {
            files.migrations = std::move(*texts);
        } else {
            files.faults.push_back(texts.error());
        }
    }
    return files;
}

}  // namespace

std::string Snapshot::version() const {
    std::string all;
    const auto add = [&all](std::string_view kind, const auto& texts) {
        for (const auto& [name, text] : texts)
            all += fmt::format("{} {}\n{}\n{}", kind, name, text.size(), text);
    };
    add("settings", settings);
    add("script", scripts);
    add("migration", migrations);
    for (const auto& fault : faults) all += "fault " + fault.text() + "\n";
    return crypto::sha256_hex(all).substr(0, version_length);
}

std::string Snapshot::path_of(const std::string& script) const {
    return (fs::path(scripts_dir) / script).lexically_normal().string();
}

bool Snapshot::operator==(const Snapshot& other) const {
    return settings == other.settings && scripts_dir == other.scripts_dir &&
           scripts == other.scripts && migrations == other.migrations &&
           faults.size() == other.faults.size();
}

std::string scripts_dir_of(const Recipe& recipe, const std::string& setting) {
    std::error_code ignored;
    if (fs::exists(setting, ignored) || !fs::path(setting).is_relative()) return setting;
    return (fs::path(recipe.shipped) / setting).lexically_normal().string();
}

std::optional<Snapshot> take_snapshot(const Recipe& recipe) {
    auto files = read_once(recipe);
    for (int reading = 1; reading < readings_max; ++reading) {
        auto again = read_once(recipe);
        if (again == files) return files;
        files = std::move(again);
        std::this_thread::sleep_for(std::chrono::milliseconds(between_readings_ms));
    }
    return std::nullopt;
}

}  // namespace parley::reload
