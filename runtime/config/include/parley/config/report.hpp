// report.hpp: settings for people's eyes.
#pragma once

#include <parley/config/settings.hpp>

#include <string>

namespace parley::config {

// The table that `parley config` prints: setting, value, source, one line each. Holds no secret.
std::string explain(const Settings& settings);

// The line of that table for a setting; null when there is none.
const Explained* find(const Settings& settings, std::string_view path);

// "set (…cdef)" for a secret, "not set" for an empty one.
std::string masked_secret(std::string_view value);
// Whether a name such as CRM_API_KEY or db_password promises a secret.
bool sounds_secret(std::string_view name);
// A line of a settings file without the values of names that sound like secrets.
std::string without_secrets(std::string_view line);

}  // namespace parley::config
