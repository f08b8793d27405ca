// lint.hpp: what is allowed but hardly meant: the warnings of `parley check`.
#pragma once

#include <parley/reload/generation.hpp>

#include <vector>

namespace parley::reload {

// In the order of files and lines. None of them keeps a generation from serving.
//   a var that nothing uses; a tool or an agent's script that nothing names; an agent that no number leads to
//   a prompt that promises a tool the agent does not have
//   a secret that the settings do not hold; a host that scripts.http.allow does not name
std::vector<Finding> lint(const Generation& generation);

}  // namespace parley::reload
