// talk.hpp: a chat with an agent in a terminal: what is typed is what a caller says.
//
// The call is a real one in all but audio: see performance.hpp. The model is a real one that
// writes, or a scenario's lines in their order. Time stands still while the caller thinks;
// "/silence 12" lets it pass.
//
// Thread: one; talk() returns when the call is over or the input ends.
#pragma once

#include <parley/engine/openai_options.hpp>
#include <parley/rehearsal/record.hpp>
#include <parley/rehearsal/scenario.hpp>
#include <parley/rehearsal/stage.hpp>

#include <functional>
#include <optional>
#include <string>

namespace parley::rehearsal {

struct TalkOptions {
    // empty: the scenario's, else the one that answers by default
    std::string agent;
    std::string from;                  // empty: the scenario's, else +15550100002
    std::optional<Scenario> scenario;  // plays the model, and brings rows and vars
    engine::OpenAiOptions model = {};  // without a scenario
    Ink ink = Ink::plain;
};

// `next_line` gives what is typed next; nothing at the end of the input.
Checked<void> talk(const Stage& stage, TalkOptions options,
                   const std::function<std::optional<std::string>()>& next_line,
                   const std::function<void(const std::string&)>& print);

}  // namespace parley::rehearsal
