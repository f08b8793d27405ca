#include "paths.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

namespace parley::app {
namespace {

namespace fs = std::filesystem;

fs::path folder_of_program() {
    std::error_code ignored;
    return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

// Of an installed program: /usr/local/bin/parley has /usr/local/share/parley.
fs::path installed_folder() { return folder_of_program() / ".." / "share" / "parley"; }

// The first of the places where Parley's own files may be that has this one; "." when none has.
fs::path folder_with(const fs::path& file) {
    const fs::path built = folder_of_program() / ".." / "..";  // build/bin/parley
    std::error_code ignored;
    // build/PRESET/bin/parley is one deeper
    for (const fs::path& candidate : {fs::path("."), built, built / "..", installed_folder()}) {
        if (fs::exists(candidate / file, ignored)) return candidate.lexically_normal();
    }
    return ".";
}

fs::path shipped_folder() { return folder_with("schemas/parley.schema.json"); }

}  // namespace

std::string schema_dir() { return (shipped_folder() / "schemas").lexically_normal().string(); }

std::string page_dir() {
    const fs::path in_tree = "runtime/ops/page";
    std::error_code ignored;
    const fs::path of_tree = folder_with(in_tree / "index.html") / in_tree;
    const fs::path dir = fs::exists(of_tree, ignored) ? of_tree : installed_folder() / "page";
    return dir.lexically_normal().string();
}

boost::system::result<config::Settings, std::vector<Fault>> load_settings_beside(
    const std::string& file) {
    config::LoadOptions options;
    options.file = file;
    options.schema_dir = schema_dir();
    options.env_file = "";
    auto settings = config::load(options);
    if (!settings) return settings;
    const fs::path dir(settings->scripts.dir);
    if (dir.is_relative())
        settings->scripts.dir = (fs::path(file).parent_path() / dir).lexically_normal().string();
    return settings;
}

reload::Recipe recipe_of(const SettingsChoice& choice) {
    const fs::path shipped = shipped_folder();
    reload::Recipe recipe;
    recipe.shipped = shipped.string();
    recipe.options.file = choice.file.empty()
                              ? (shipped / "config" / "parley.yaml").lexically_normal().string()
                              : choice.file;
    recipe.options.overlays = choice.overlays;
    recipe.options.schema_dir = schema_dir();
    recipe.options.environment = config::process_environment();
    recipe.options.flags = choice.flags;
    return recipe;
}

config::Settings settings_to_reach_it(const SettingsChoice& choice) {
    auto options = recipe_of(choice).options;
    auto settings = config::load(options);
    if (settings) return std::move(*settings);
    options.overlays.clear();
    auto bare = config::load_text("agents: {nobody: {}}\nnumbers: {default: nobody}\n", "settings",
                                  options);
    return bare ? std::move(*bare) : config::Settings();
}

std::optional<config::Settings> load_settings(const SettingsChoice& choice) {
    const auto recipe = recipe_of(choice);
    auto settings = config::load(recipe.options);
    if (!settings) {
        for (const auto& fault : settings.error()) fmt::print(stderr, "parley: {}\n", fault.text());
        fmt::print(stderr, "parley: nothing was started; {} to mend\n",
                   settings.error().size() == 1
                       ? "there is one fault"
                       : fmt::format("there are {} faults", settings.error().size()));
        return std::nullopt;
    }
    for (const auto& warning : settings->warnings)
        fmt::print(stderr, "parley: warning: {}\n", warning);
    settings->scripts.dir = reload::scripts_dir_of(recipe, settings->scripts.dir);
    return std::move(*settings);
}

}  // namespace parley::app
