// service.hpp: `parley serve`: builds the parts in order, takes calls, drains, stops.
#pragma once

#include <parley/reload/snapshot.hpp>

namespace parley::app {

// Returns after SIGTERM or SIGINT, when the last call is over: the exit status. A second signal ends at once.
int serve(reload::Recipe recipe);

}  // namespace parley::app
