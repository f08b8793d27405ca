// What the rehearsal tests share: scripts in a folder of their own, a stage, a scenario from text.
#pragma once

#include "../../folder.hpp"

#include <parley/rehearsal/performance.hpp>
#include <parley/rehearsal/scenario.hpp>
#include <parley/rehearsal/suite.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

namespace parley::rehearsal {

using Files = std::map<std::string, std::string>;

inline const std::string source_dir = PARLEY_SOURCE_DIR;

inline config::Settings settings_for(const std::string& scripts_dir) {
    config::LoadOptions options;
    options.file = source_dir + "/config/parley.yaml";
    options.schema_dir = source_dir + "/schemas";
    options.env_file = "";
    auto settings = config::load(options);
    if (!settings) throw std::runtime_error(settings.error().front().text());
    settings->scripts.dir = scripts_dir;
    return std::move(*settings);
}

inline std::shared_ptr<const config::FileSchema> schema() {
    static const auto loaded = config::FileSchema::load(source_dir + "/schemas", scenario_schema);
    return loaded.value();
}

// The shipped scripts and settings.
inline const Stage& shipped() {
    static const Stage stage = [] {
        Stage made;
        made.settings = settings_for(source_dir + "/scripts");
        made.bundle =
            script::Library::build(made.settings.scripts.dir, made.settings.agents).value();
        return made;
    }();
    return stage;
}

// An agent with every hook and every tool option.
inline const Stage& frontdesk() {
    static const Stage stage = [] {
        const std::string dir = source_dir + "/tests/scenarios/frontdesk";
        config::LoadOptions options;
        options.file = dir + "/parley.yaml";
        options.schema_dir = source_dir + "/schemas";
        options.env_file = "";
        Stage made;
        made.settings = config::load(options).value();
        made.settings.scripts.dir = dir + "/scripts";
        made.bundle =
            script::Library::build(made.settings.scripts.dir, made.settings.agents).value();
        return made;
    }();
    return stage;
}

// Every shipped scenario with what it is played on.
inline std::vector<std::pair<std::string, const Stage*>> shipped_scenarios() {
    std::vector<std::pair<std::string, const Stage*>> all;
    for (const auto& [dir, stage] : {std::pair{source_dir + "/tests/scenarios", &shipped()},
                                     {source_dir + "/tests/scenarios/frontdesk", &frontdesk()}}) {
        for (const auto& entry : std::filesystem::directory_iterator(dir)) {
            if (entry.path().extension() == ".yaml" && entry.path().filename() != "parley.yaml")
                all.emplace_back(entry.path().string(), stage);
        }
    }
    return all;
}

// Scripts of one's own, with an agent `tester`.
struct OwnStage {
    OwnStage(const OwnStage&) = delete;
    OwnStage& operator=(const OwnStage&) = delete;
    explicit OwnStage(const Files& files) {
        for (const auto& [path, text] : files) folder.write(path, text);
        stage.settings = settings_for(folder.path());
        stage.settings.agents.clear();
        config::AgentSettings agent;
        agent.name = "tester";
        stage.settings.agents["tester"] = agent;
        stage.settings.numbers = {{"default", "tester"}};
        stage.bundle = script::Library::build(folder.path(), stage.settings.agents).value();
    }
    Folder folder;
    Stage stage;
};

inline std::vector<std::string> texts(const std::vector<Fault>& faults) {
    std::vector<std::string> lines;
    for (const auto& fault : faults) lines.push_back(fault.text());
    return lines;
}

inline std::vector<std::string> faults_of(const std::string& yaml) {
    const auto scenario = Scenario::parse(yaml, "a.yaml", *schema());
    return scenario.has_error() ? texts(scenario.error()) : std::vector<std::string>{};
}

inline Performed play(const std::string& yaml, const Stage& stage = shipped()) {
    const auto scenario = Scenario::parse(yaml, "a.yaml", *schema());
    if (!scenario) throw std::runtime_error(scenario.error().front().text());
    auto performed = perform(*scenario, stage);
    if (!performed) throw std::runtime_error(performed.error().text());
    return std::move(*performed);
}

// "line 7: expected ...; found ..." of everything broken.
inline std::vector<std::string> broken_by(const std::string& yaml, const Stage& stage = shipped()) {
    std::vector<std::string> lines;
    for (const auto& broken : play(yaml, stage).broken)
        lines.push_back(fmt::format("{}{}; found {}",
                                    broken.line == 0 ? "" : fmt::format("line {}: ", broken.line),
                                    broken.text, broken.detail));
    return lines;
}

}  // namespace parley::rehearsal
