// calling_commands.hpp: the commands that place calls and say who is not to be called: call, dnc.
#pragma once

#include "commands.hpp"
#include "paths.hpp"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

namespace parley::app {

// Owner: run(). Adds its subcommands; run() carries out the one that was typed.
class CallingCommands {
 public:
    CallingCommands(CLI::App& cli, SettingsChoice& choice);
    CallingCommands(const CallingCommands&) = delete;
    CallingCommands& operator=(const CallingCommands&) = delete;

    // The exit status; nothing when the command is none of these.
    std::optional<int> run();

 private:
    int call();
    int change_list();

    SettingsChoice& choice_;
    Format format_ = Format::text;
    std::string url_, number_, agent_, from_, reason_;
    std::vector<std::string> vars_;
    CLI::App *call_, *dnc_, *add_, *remove_, *list_;
};

}  // namespace parley::app
