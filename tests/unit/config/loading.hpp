// loading.hpp: loads settings from literal text, and lists what came of it.
#pragma once

#include "../../folder.hpp"

#include <parley/config/settings.hpp>

#include <gmock/gmock.h>

#include <cstdlib>

namespace parley::config::test {

using Lines = std::vector<std::string>;

// Appended to documents whose subject is something else: agents and numbers are required.
inline const std::string an_agent = "agents: {sarah: {script: sarah}}\nnumbers: {default: sarah}\n";

inline LoadOptions bare_options() {
    LoadOptions options;
    options.schema_dir = PARLEY_SOURCE_DIR "/schemas";
    options.env_file.clear();
    return options;
}

inline Lines texts(const std::vector<Fault>& faults) {
    Lines lines;
    for (const auto& fault : faults) lines.push_back(fault.text());
    return lines;
}

// The faults of `yaml`, as shown to people; empty where it is accepted.
inline Lines faults_of(std::string_view yaml, const LoadOptions& options = bare_options()) {
    auto loaded = load_text(yaml, "parley.yaml", options);
    return loaded ? Lines{} : texts(loaded.error());
}
inline Lines faults_with_agent(std::string_view yaml, const LoadOptions& options = bare_options()) {
    return faults_of(std::string(yaml) + "\n" + an_agent, options);
}

inline Settings settings_of(std::string_view yaml, const LoadOptions& options = bare_options()) {
    auto loaded = load_text(yaml, "parley.yaml", options);
    if (!loaded) {
        ADD_FAILURE() << ::testing::PrintToString(texts(loaded.error()));
        return {};
    }
    return std::move(*loaded);
}
inline Settings settings_with_agent(std::string_view yaml,
                                    const LoadOptions& options = bare_options()) {
    return settings_of(std::string(yaml) + "\n" + an_agent, options);
}

inline LoadOptions with_environment(std::map<std::string, std::string> environment) {
    auto options = bare_options();
    options.environment = std::move(environment);
    return options;
}
inline LoadOptions with_flags(std::map<std::string, std::string> flags) {
    auto options = bare_options();
    options.flags = std::move(flags);
    return options;
}

// "value (source)" of one setting in `parley config`; "absent" where it is not listed.
inline std::string explained(const Settings& settings, std::string_view path) {
    for (const auto& line : settings.explained) {
        if (line.path == path) return line.value + " (" + line.source + ")";
    }
    return "absent";
}

}  // namespace parley::config::test
