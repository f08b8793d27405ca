// rehearsal_commands.hpp: `parley test`, and whatever else tries agents without a telephone.
#pragma once

#include "commands.hpp"

#include <parley/config/settings.hpp>

#include <string>
#include <vector>

namespace parley::app {

struct TestCommand {
    std::vector<std::string> paths;
    std::string filter;
    Format format = Format::text;
    enum class Model { scripted, real } model = Model::scripted;
    int times = 1;  // each scenario, with a real model
};

struct TalkCommand {
    std::string agent;
    std::string from;
    std::string scenario;  // file
};

// Exit status: 0 all passed, 1 some failed, 2 nothing could be run.
int test(config::Settings settings, const TestCommand& command);
// Runs a recorded call through this build and these scripts. 0: all alike; 1: the first difference
// was shown.
int replay(config::Settings settings, const std::string& call_sid);
// Prints a recorded call as a scenario.
int scenario_from(config::Settings settings, const std::string& call_sid);
// A chat on standard input and output.
int talk(config::Settings settings, const TalkCommand& command);

}  // namespace parley::app
