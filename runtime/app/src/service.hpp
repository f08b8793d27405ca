// service.hpp: `parley serve`: builds the parts in order, takes calls, drains, stops.
#pragma once

#include <parley/reload/snapshot.hpp>

namespace parley::app {

// follow: calls in progress go on with each new generation at their next turn, for those who write
// agents.
enum class CallsInProgress { keep, follow };

// Returns after SIGTERM or SIGINT, when the last call is over: the exit status. A second signal
// ends at once.
int serve(reload::Recipe recipe, CallsInProgress calls);

}  // namespace parley::app
