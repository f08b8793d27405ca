// secrets.hpp: what a script was granted must not leave it by accident: with a tool's result, to
// the model and into transcripts. (Log lines are masked in core/log.hpp, whoever writes them.)
#pragma once

#include <parley/config/settings.hpp>
#include <parley/core/json.hpp>

#include <string>

namespace parley::script {

// Replaces every known secret in the texts of `value` by ***; the names of its fields stay.
void hide_secrets(json::value& value, const config::ScriptSettings& settings);
std::string without_secrets(std::string text, const config::ScriptSettings& settings);

}  // namespace parley::script
