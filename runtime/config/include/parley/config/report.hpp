// report.hpp: settings for people's eyes.
#pragma once

#include <parley/config/settings.hpp>

#include <string>

namespace parley::config {

// The table that `parley config` prints: setting, value, source, one line each. Holds no secret.
std::string explain(const Settings& settings);

}  // namespace parley::config
