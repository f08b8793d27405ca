// compare.hpp: is what was found what was expected? Words and JSON, as people write expectations.
#pragma once

#include <parley/core/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace parley::rehearsal {

// `wanted` somewhere in `text`: in any case, any white space for another; /.../ is a regular
// expression. A malformed expression matches nothing.
bool contains_words(std::string_view text, std::string_view wanted);

// Where `found` falls short of `wanted`, in words ("slots[0]: expected \"9:00 AM\", found \"9:30
// AM\""); nothing when it has at least what is wanted: objects may have more members, lists the
// same number of items, texts in /.../ match.
std::optional<std::string> shortfall(const json::value& wanted, const json::value& found,
                                     const std::string& path = "");

}  // namespace parley::rehearsal
