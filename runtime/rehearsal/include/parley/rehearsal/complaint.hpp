// complaint.hpp: a recorded call becomes a scenario, so that a complaint becomes a test.
//
// What the caller said and did and what the model said and called are taken over; what the tools
// gave, and how the call ended, become expectations. The scenario is then played: expectations that
// do not hold in a fresh database are kept as comments, so that what is written passes.
//
// Thread: one; nothing waits.
#pragma once

#include <parley/config/yaml_file.hpp>
#include <parley/rehearsal/recording.hpp>
#include <parley/rehearsal/stage.hpp>

#include <string>

namespace parley::rehearsal {

// The scenario as YAML. Fault where it cannot be made: the call had no beginning, or a step cannot
// come.
Checked<std::string> scenario_from(const Recording& recording, const Stage& stage,
                                   const config::FileSchema& schema);

}  // namespace parley::rehearsal
