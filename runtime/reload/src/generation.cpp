#include <parley/reload/generation.hpp>

#include <parley/core/crypto.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace parley::reload {
namespace {

namespace fs = std::filesystem;

// "agents.sarah" and "vars.hours.tuesday: expected ...": the settings file's own line for that var,
// where it has one.
Fault at_its_own_line(Fault fault, const config::Settings& settings) {
    if (!fault.what.starts_with("agents.")) return fault;
    const auto colon = fault.what.find(": ");
    if (colon == std::string::npos) return fault;
    const auto end = fault.what.find(": ", colon + 2);
    std::string path =
        fault.what.substr(0, colon) + "." + fault.what.substr(colon + 2, end - colon - 2);
    for (; std::count(path.begin(), path.end(), '.') > 1; path.resize(path.rfind('.'))) {
        const auto line = std::find_if(
            settings.explained.begin(), settings.explained.end(), [&](const auto& each) {
                return each.path == path || each.path.starts_with(path + ".");
            });
        if (line == settings.explained.end()) continue;
        if (line->source.find(':') != std::string::npos) fault.where = line->source;
        return fault;
    }
    return fault;
}

std::vector<Fault> migration_faults(const Snapshot& files, const MigrationRule& rule,
                                    std::vector<std::string>& fresh) {
    const std::string dir =
        (fs::path(files.scripts_dir) / "migrations").lexically_normal().string();
    std::vector<Fault> faults;
    for (const auto& [name, text] : files.migrations) {
        const auto file = (fs::path(dir) / name).string();
        if (!rule.applied) continue;
        const auto applied = rule.applied->find(name);
        if (applied == rule.applied->end()) {
            fresh.push_back(name);
        } else if (applied->second != crypto::sha256_hex(text)) {
            faults.push_back(store::changed_migration(file));
        }
    }
    if (!faults.empty()) return faults;
    if (!rule.applied || !fresh.empty()) faults = store::try_migrations(files.migrations, dir);
    if (faults.empty() && rule.fresh == MigrationRule::New::refused) {
        for (const auto& name : fresh) {
            faults.push_back(
                {(fs::path(dir) / name).string(),
                 "is new, and a save does not apply it, because what has been applied cannot be changed any more",
                 "when it is finished, run `parley reload`"});
        }
    }
    return faults;
}

}  // namespace

Built build_from(const Recipe& recipe, Snapshot files, const config::Settings* running,
                 const MigrationRule& rule) {
    Built built;
    built.version = files.version();
    auto generation = std::make_shared<Generation>();
    generation->version = built.version;
    generation->files = std::move(files);
    const Snapshot& read = generation->files;

    Lines lines;
    for (const auto& [path, text] : read.settings) lines.add_settings(path, text);
    for (const auto& [path, text] : read.scripts) lines.add_script(path, read.path_of(path), text);
    for (const auto& [name, text] : read.migrations) {
        const auto path = read.path_of("migrations/" + name);
        lines.add_script(path, path, text);
    }
    const auto tell = [&](const Fault& fault) { built.findings.push_back(lines.finding(fault)); };

    auto options = recipe.options;
    options.texts = read.settings;
    auto settings = config::load(options);
    if (settings) {
        generation->settings = std::move(*settings);
    } else {
        for (const auto& fault : settings.error()) tell(fault);
    }
    for (const auto& fault : read.faults) tell(fault);
    // With broken settings the scripts are checked all the same: better one list of faults than
    // two.
    auto bundle = script::Library::build_from(read.scripts, generation->settings.agents);
    if (bundle) {
        generation->bundle = std::move(*bundle);
    } else {
        for (const auto& fault : bundle.error()) tell(at_its_own_line(fault, generation->settings));
    }
    for (const auto& fault : migration_faults(read, rule, built.new_migrations)) tell(fault);
    if (has_errors(built.findings)) return built;

    for (const auto& warning : generation->settings.warnings) {
        const auto end = warning.find(": ");
        built.findings.push_back(lines.finding(
            end == std::string::npos ? Fault{"", warning}
                                     : Fault{warning.substr(0, end), warning.substr(end + 2)},
            Severity::warning));
    }
    if (running != nullptr)
        generation->needs_restart = needs_restart(*running, generation->settings);
    built.generation = std::move(generation);
    return built;
}

Built build(const Recipe& recipe, const config::Settings* running, const MigrationRule& rule) {
    auto files = take_snapshot(recipe);
    if (files) return build_from(recipe, std::move(*files), running, rule);
    Built built;
    built.findings.push_back({Severity::error, recipe.scripts_dir, 0,
                              "the files keep changing while they are read",
                              "try again when they are at rest", ""});
    return built;
}

}  // namespace parley::reload
