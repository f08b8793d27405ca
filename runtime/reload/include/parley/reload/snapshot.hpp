// snapshot.hpp: every file a generation is made of, read once, at one moment.
//
// An editor or a git checkout may be half-way through when we look. So everything is read twice,
// and only when both readings are alike is it believed: nothing that never stood on the disk as a
// whole is built.
//
// Thread: any; reading blocks.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/script/library.hpp>
#include <parley/store/migrations.hpp>

#include <optional>
#include <string>
#include <vector>

namespace parley::reload {

// Where settings and scripts are.
struct Recipe {
    config::LoadOptions options;  // files, environment and flags; without texts
    // a relative scripts folder that is not in the working folder is looked for here
    std::string shipped = ".";
    std::string scripts_dir;  // empty: what the settings say
};

struct Snapshot {
    std::map<std::string, std::string> settings;  // by the paths in Recipe::options
    std::string scripts_dir;                      // as a person would name it
    script::Library::Sources scripts;
    store::MigrationTexts migrations;
    std::vector<Fault> faults;  // of reading: a file without permission, a name that will not do

    // first 12 hexadecimal digits of the hash of everything above
    std::string version() const;
    std::string path_of(const std::string& script) const;  // "scripts/agents/sarah.lua"
    bool operator==(const Snapshot&) const;
};

// The scripts folder of these settings, found as `shipped` says.
std::string scripts_dir_of(const Recipe& recipe, const std::string& setting);

// `scripts_dir` is fixed by the recipe or by the settings as read. Nothing when the files kept
// changing.
std::optional<Snapshot> take_snapshot(const Recipe& recipe);

}  // namespace parley::reload
