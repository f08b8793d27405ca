// status.hpp: what serves, since when, and what is wrong with the files: as JSON for the API, as
// text for a terminal.
#pragma once

#include <parley/reload/reloader.hpp>

#include <string>

namespace parley::reload {

json::object to_json(const Generations::Status& status, Watcher::Kind watching);

// `now` to say how long ago. The object is what to_json() made, with "calls", "uptime_s", "parley"
// beside it.
std::string shown_status(const json::object& status, WallTime now);
// The answer of POST /api/reload or /api/rollback.
std::string shown_outcome(const json::object& outcome);
// The answer of GET /api/diff.
std::string shown_preview(const json::object& preview);

}  // namespace parley::reload
