// staff.hpp: the commands of those who write agents: check, explain, diff, new, reload, rollback,
// status, routes.
#pragma once

#include "commands.hpp"
#include "paths.hpp"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

namespace parley::app {

// Owner: run(). Adds its subcommands; run() carries out the one that was typed.
class StaffCommands {
 public:
    StaffCommands(CLI::App& cli, SettingsChoice& choice);
    StaffCommands(const StaffCommands&) = delete;
    StaffCommands& operator=(const StaffCommands&) = delete;

    // The exit status; nothing when the command is none of these.
    std::optional<int> run();

 private:
    int check();
    int explain();
    int diff();
    int make();
    int status();
    int routes();
    int ask_for(const std::string& path);

    SettingsChoice& choice_;
    Format format_ = Format::text;
    std::string url_, path_, number_, name_;
    CLI::App *check_, *explain_, *diff_, *new_, *new_agent_, *new_tool_, *reload_, *rollback_,
        *status_, *routes_;
};

}  // namespace parley::app
