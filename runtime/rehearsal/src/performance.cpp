#include <parley/rehearsal/performance.hpp>

#include "player.hpp"

#include <parley/core/text.hpp>
#include <parley/script/calendar.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace parley::rehearsal {

Checked<config::AgentSettings> agent_of(const Scenario& scenario, const Stage& stage) {
    config::AgentSettings agent;
    if (scenario.agent.empty()) {
        const auto* routed = stage.settings.agent_for(scenario.to);
        if (routed == nullptr) {
            return Fault{scenario.call_where, fmt::format("no agent answers {}", scenario.to),
                         "name one: agent: ..., or call a number the settings route"};
        }
        agent = *routed;
    } else if (const auto found = stage.settings.agents.find(scenario.agent);
               found != stage.settings.agents.end()) {
        agent = found->second;
    } else {
        const auto scripts = stage.bundle->agents();
        if (std::find(scripts.begin(), scripts.end(), scenario.agent) == scripts.end()) {
            std::vector<std::string> known = scripts;
            for (const auto& [name, settings] : stage.settings.agents) known.push_back(name);
            const auto meant = did_you_mean(scenario.agent, known);
            return Fault{scenario.call_where,
                         fmt::format("there is no agent \"{}\"", scenario.agent),
                         meant ? fmt::format("did you mean \"{}\"?", *meant)
                               : "name one of the settings, or a file of scripts/agents"};
        }
        agent.name = scenario.agent;  // a script the settings do not use yet
    }
    for (const auto& [name, value] : scenario.vars) agent.vars[name] = value;
    agent.where = scenario.call_where;
    if (const auto faults = stage.bundle->check(agent); !faults.empty()) return faults.front();
    return agent;
}

Checked<WallTime> time_of(const Scenario& scenario, const config::AgentSettings& agent,
                          const Stage& stage) {
    const auto space = scenario.at.find(' ');
    const auto date = script::parse_date(std::string_view(scenario.at).substr(0, space));
    const auto minutes = script::parse_time(std::string_view(scenario.at).substr(space + 1));
    if (!date || !minutes)
        return Fault{scenario.call_where, fmt::format("there is no time {}", scenario.at),
                     "write a time such as 2026-12-01 10:00"};
    return stage.bundle->time_zone(agent)->moment(*date, *minutes);
}

namespace {

Checked<Performed> played(const Scenario& scenario, const Stage& stage,
                          const std::function<void(Player&)>& play) {
    auto agent = agent_of(scenario, stage);
    if (!agent) return agent.error();
    const auto at = time_of(scenario, *agent, stage);
    if (!at) return at.error();
    auto rig = Rig::make(stage, {std::move(*agent), scenario.from, scenario.to, *at, scenario.seed,
                                 scenario.secrets, scenario.direction});
    if (!rig) return rig.error();
    prepare(**rig, scenario);
    for (std::size_t i = 0; i < scenario.given.size(); ++i) {
        const auto done = (*rig)->sql(scenario.given[i]);
        if (!done)
            return Fault{scenario.given_where[i], done.error().message,
                         "correct the row, or the table in scripts/migrations"};
    }
    Player player(scenario, **rig);
    play(player);

    std::vector<const Expectation*> expectations;
    for (const auto& step : scenario.steps) {
        for (const auto& each : step.expectations) expectations.push_back(&each);
    }
    for (const auto& each : scenario.expectations) expectations.push_back(&each);
    for (auto& error : unexpected_errors((*rig)->record().all(), expectations)) {
        (*rig)->note(error);
        player.broken().push_back(std::move(error));
    }
    return Performed{std::move(player.broken()), (*rig)->record(), player.turns()};
}

// The model's steps become expectations that stand before the caller's next step.
Checked<Scenario> for_a_real_model(const Scenario& scenario) {
    Scenario live = scenario;
    live.steps.clear();
    Step judged;
    const auto flush = [&] {
        if (!judged.expectations.empty()) live.steps.push_back(std::exchange(judged, Step()));
    };
    for (const auto& step : scenario.steps) {
        using Kind = Step::Kind;
        if (step.kind == Kind::model && step.model.fails == engine::ScriptedLine::Fails::no) {
            for (const auto& call : step.model.calls) {
                Expectation expectation{.kind = Expectation::Kind::tool_called,
                                        .line = step.line,
                                        .value = json::value(call.tool)};
                auto arguments = json_read::parse(call.arguments);
                if (arguments && arguments->is_object()) expectation.with = arguments->get_object();
                judged.line = step.line;
                judged.expectations.push_back(std::move(expectation));
            }
            continue;
        }
        const bool is_trouble = step.kind == Kind::model || step.kind == Kind::provider_drops ||
                                step.kind == Kind::provider_drops_after ||
                                step.kind == Kind::provider_refuses;
        if (is_trouble) {
            return Fault{fmt::format("{}:{}", scenario.file, step.line),
                         "troubles of the provider cannot be played with a real model",
                         "leave this scenario out: --filter"};
        }
        flush();
        live.steps.push_back(step);
    }
    flush();
    return live;
}

}  // namespace

Checked<Performed> perform(const Scenario& scenario, const Stage& stage) {
    return played(scenario, stage, [](Player& player) { player.run(); });
}

Checked<Performed> perform_live(const Scenario& scenario, const Stage& stage,
                                const engine::OpenAiOptions& model) {
    const auto live = for_a_real_model(scenario);
    if (!live) return live.error();
    return played(*live, stage, [&](Player& player) { player.run_live(model); });
}

}  // namespace parley::rehearsal
