// restart.hpp: settings that a running service cannot take over.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/core/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace parley::reload {

struct NeedsRestart {
    std::string setting;          // "server.port"
    std::string running, wanted;  // secrets masked
    std::string source;           // "config/parley.yaml:4"
};

// The settings of `wanted` that differ from what runs and wait for a restart.
std::vector<NeedsRestart> needs_restart(const config::Settings& running,
                                        const config::Settings& wanted);
json::object to_json(const NeedsRestart& setting);

// Whether a setting is taken over by a reload, waits for a restart, or has not been thought of: a
// test refuses the last.
enum class TakenOver { by_reload, by_restart, unknown };
TakenOver taken_over(std::string_view setting);

}  // namespace parley::reload
