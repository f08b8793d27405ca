// explain.hpp: what a call to a number would get, and where each part of it is written: `parley
// explain`.
#pragma once

#include <parley/reload/generation.hpp>

#include <string>
#include <string_view>

namespace parley::reload {

// Agent, script, settings, vars, tools, greeting and prompt, each with "value" and "source"
// ("scripts/agents/sarah.lua:6", "config/parley.yaml:12", "default"). Fault when no agent answers
// the number.
Checked<json::object> explain(const Generation& generation, std::string_view number);
// The same for a terminal.
std::string shown_explanation(const json::object& explanation);

}  // namespace parley::reload
