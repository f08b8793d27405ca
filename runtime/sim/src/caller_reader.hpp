// caller_reader.hpp: a caller's script as a part of another file. Private to the room.
#pragma once

#include "yaml_reader.hpp"

#include <parley/sim/caller_script.hpp>

namespace parley::sim {

// voice, words_per_minute, time_limit_s, steps and expect of `map`; throws YamlProblem.
CallerScript read_caller(const YamlReader& yaml, const YAML::Node& map);

}  // namespace parley::sim
