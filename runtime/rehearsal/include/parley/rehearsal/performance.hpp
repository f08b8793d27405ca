// performance.hpp: a scenario, played in the real runtime on a virtual clock.
//
// Everything between the telephone line and the model is what serves calls: session, conversation,
// playout, the agent's script and its tools in their sandbox, migrations and SQL. Only the caller,
// the model and the time are played.
//
// Thread: one at a time; no sockets, no waiting.
#pragma once

#include <parley/engine/openai_options.hpp>
#include <parley/rehearsal/record.hpp>
#include <parley/rehearsal/scenario.hpp>
#include <parley/rehearsal/stage.hpp>

#include <string>
#include <vector>

namespace parley::rehearsal {

struct Performed {
    std::vector<Happening> broken;  // empty: passed
    Record record;
    std::size_t turns = 0;  // of caller and model
    bool has_passed() const { return broken.empty(); }
};

// Fault where the scenario cannot be played at all: no such agent, a row that does not fit its
// table.
Checked<Performed> perform(const Scenario& scenario, const Stage& stage);

// The same with a real model that writes. What the scenario's model says is left to it; that it
// calls the scenario's tools, with at least their arguments, is expected. Fault for a scenario with
// troubles of the provider.
Checked<Performed> perform_live(const Scenario& scenario, const Stage& stage,
                                const engine::OpenAiOptions& model);

// The agent of a scenario, with its vars laid over the settings'; used by whoever plays it
// otherwise.
Checked<config::AgentSettings> agent_of(const Scenario& scenario, const Stage& stage);
// When it happens.
Checked<WallTime> time_of(const Scenario& scenario, const config::AgentSettings& agent,
                          const Stage& stage);

}  // namespace parley::rehearsal
