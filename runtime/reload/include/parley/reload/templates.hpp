// templates.hpp: the first version of an agent or a tool, with its first test: `parley new`.
#pragma once

#include <parley/core/result.hpp>

#include <string>
#include <vector>

namespace parley::reload {

enum class New { agent, tool };

struct NewFile {
    std::string path;
    std::string text;
};

struct Plan {
    std::vector<NewFile> files;
    std::string next_steps;  // what the person does now, for the terminal
};

// `scripts_dir`: where agents/ and tools/ are; tests go beside it. `settings_file`: where the agent
// must be named. Fault for a name that cannot be a file's.
Checked<Plan> plan(New what, const std::string& name, const std::string& scripts_dir,
                   const std::string& settings_file);

// Writes all of it, or nothing where one of the files is there already.
Checked<void> write(const Plan& plan);

}  // namespace parley::reload
