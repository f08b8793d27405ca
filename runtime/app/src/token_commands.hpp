// token_commands.hpp: `parley token new|list|revoke`: who may enter.
//
// The running service is asked; where none runs, the database is opened.
#pragma once

#include "commands.hpp"
#include "paths.hpp"

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

namespace parley::app {

// Owner: run(). Adds its subcommands; run() carries out the one that was typed.
class TokenCommands {
 public:
    TokenCommands(CLI::App& cli, SettingsChoice& choice);
    TokenCommands(const TokenCommands&) = delete;
    TokenCommands& operator=(const TokenCommands&) = delete;

    // The exit status; nothing when the command is none of these.
    std::optional<int> run();

 private:
    int make();
    int list();
    int revoke();

    SettingsChoice& choice_;
    Format format_ = Format::text;
    std::string url_, name_, role_ = "viewer";
    CLI::App *token_, *new_, *list_, *revoke_;
};

}  // namespace parley::app
