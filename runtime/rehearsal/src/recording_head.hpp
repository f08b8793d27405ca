// recording_head.hpp: the first line of a recording: who called whom, and how the call was set up.
#pragma once

#include <parley/rehearsal/recording.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace parley::rehearsal {

std::string head_of(const RecordedCall& call);
// Nothing: the line is no such line, or one of another version.
std::optional<RecordedCall> read_head(std::string_view line);

}  // namespace parley::rehearsal
