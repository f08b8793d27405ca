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
};

// Exit status: 0 all passed, 1 some failed, 2 nothing could be run.
int test(config::Settings settings, const TestCommand& command);

}  // namespace parley::app
