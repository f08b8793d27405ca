// paths.hpp: where the shipped files are.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/reload/snapshot.hpp>

#include <string>

namespace parley::app {

// What the command line says of settings; empty fields were not given.
struct SettingsChoice {
    std::string file;
    std::vector<std::string> overlays;
    std::map<std::string, std::string> flags;  // "server.port" -> "4000"
};

// Where settings and scripts are to be found. The shipped config/, schemas/ and scripts/ are looked
// for in the working folder, then beside the folder of a build (build/bin/parley -> the tree it was
// built from), then where the program is installed (bin/parley -> share/parley).
reload::Recipe recipe_of(const SettingsChoice& choice);

// Reads the settings. Faults and warnings go to stderr; nothing when there was a fault.
std::optional<config::Settings> load_settings(const SettingsChoice& choice);

// The settings as far as they are needed to reach the running service. They may be broken: then one
// wants its status all the more.
config::Settings settings_to_reach_it(const SettingsChoice& choice);

// Settings of another place, such as those beside a scenario: without .env, environment and flags,
// and with scripts.dir beside the file.
boost::system::result<config::Settings, std::vector<Fault>> load_settings_beside(
    const std::string& file);
// The folder with the *.schema.json files, found the same way.
std::string schema_dir();
// The folder with the dashboard's page, likewise: runtime/ops/page in a tree, page where installed.
std::string page_dir();

}  // namespace parley::app
